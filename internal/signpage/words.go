package signpage

import (
	"fmt"
	"time"
)

// Words are all sentences of the page in one language. Another language is
// another value of this type and a line in wordsFor.
type Words struct {
	Lang string // BCP 47

	Skip, Document, PageOf, Blank, NoText, TextOf, Turn                              string
	FieldHere, FieldsHere                                                            string
	AsksYou, SentBy, Message, OnePage, Pages, OneMinute, Minutes, SignBy             string
	Download, ReadAsText, GoToSigning, Back                                          string
	Agree, Signature, How, Type, Draw, YourName                                      string
	DrawHere, DrawHint, Undo, Clear, Drawn                                           string
	NextStep, DownloadShown                                                          string
	Meaning, MeansSign, MeansRecord, DigestOf, Copy, Copied, Sign, Signing           string
	Decline, DeclineTitle, DeclineMeans, Reason, ReasonHint, DeclineNow              string
	StepRead, StepAgree, StepSignature, StepSign, StepOf, Next, Continue             string
	Problem, Problems, NoConsent, NoName, LongName, NoDrawing, BadDrawing, NoReason  string
	LongReason, Offline, ShownElse, Foreign, NotRead                                 string
	SignedTitle, SignedOn, OthersWait, WeWrite, SealingTitle, Sealing, SealFailed    string
	DoneTitle, DoneText, DownloadSealed, SealedDigest, Verify, VerifyCommand, Reader string
	MoreWays                                                                         string
	CheckTitle, CheckIntro, CheckReader, CheckReaderText, CheckRoot, CheckRootDigest string
	CheckCommand, CheckSeal, CheckProofs, CheckKey, CheckKeyIs                       string
	WaitingTitle, Waiting, DeclinedTitle, DeclinedOn, DeclinedReason                 string
	OtherDeclinedTitle, OtherDeclined, VoidedTitle, Voided, VoidReason               string
	EndedTitle, Ended, YouHadSigned, UnknownTitle, Unknown, ExpiredTitle, Expired    string
	NotYetTitle, NotYet, NotNowTitle, TroubleTitle, Trouble, AwayTitle, Away         string
}

// english is written in sentences that say what is so, then what to do.
var english = Words{
	Lang: "en",

	Skip: "Skip to signing", Document: "The document", PageOf: "Page %d of %d",
	Blank: "This page is blank.", NoText: "Page %d is a picture in which no text was found.", TextOf: "Text of page %d",
	Turn:      "Turn this page to read it",
	FieldHere: "Your signature goes into the marked place on this page.", FieldsHere: "Your signature goes into the %d marked places on this page.",
	AsksYou: "asks you to sign", SentBy: "Sent by %s", Message: "%s writes:",
	OnePage: "1 page", Pages: "%d pages", OneMinute: "about 1 minute", Minutes: "about %d minutes", SignBy: "sign by",
	Download: "Download", ReadAsText: "Read as plain text", GoToSigning: "Go to signing", Back: "Back to the document",

	Agree:     "Agree to sign electronically",
	Signature: "Your signature", How: "How do you want to sign?", Type: "Type", Draw: "Draw",
	YourName: "Your name",
	DrawHere: "Area to draw your signature in. To sign by keyboard, choose Type.", DrawHint: "Draw with a finger, a pen or the mouse.",
	Undo: "Undo", Clear: "Clear", Drawn: "Signature drawn.",

	Meaning:     "What signing means",
	MeansSign:   "With Sign you put your signature under “%s” (%s), exactly as shown above. It binds you as your signature on paper would.",
	MeansRecord: "Your name, your e-mail address (%s), the time, and the network address and browser you use are kept as evidence and sealed with it.",
	DigestOf:    "Digest of what you sign (SHA-256)", Copy: "Copy", Copied: "Copied",
	Sign: "Sign", Signing: "Recording your signature …",

	Decline: "I do not want to sign", DeclineTitle: "Decline to sign?",
	DeclineMeans: "Declining ends this request for everybody who was asked. It cannot be taken back. The sender reads your reason.",
	Reason:       "Why do you decline?", ReasonHint: "Up to 1000 characters.", DeclineNow: "Decline for good",

	NextStep: "Next step", DownloadShown: "Download the document as you saw it",
	StepRead: "Read", StepAgree: "Agree", StepSignature: "Your signature", StepSign: "Sign", StepOf: "Step %d of 4",
	Next: "Next page", Continue: "Continue",

	Problem: "One thing is missing", Problems: "%d things are missing",
	NoConsent: "Tick the box to agree, then go on.",
	NoName:    "Type your name as you sign it.", LongName: "Shorten the name to at most 120 characters.",
	NoDrawing: "Draw your signature in the box, or choose Type.", BadDrawing: "The drawing could not be read. Clear it and draw it again, or choose Type.",
	NoReason: "Say in a few words why you decline.", LongReason: "Shorten the reason to at most 1000 characters.",
	Offline:   "The server could not be reached. Your signature is still here and nothing was sent twice. Check your connection, then press Sign again.",
	ShownElse: "The document has changed since this page was opened. Read it again, then sign.",
	Foreign:   "This request came from another site and was not carried out. Open the link from your message again.",
	NotRead:   "The form could not be read. Open the link from your message again.",

	SignedTitle: "You have signed", SignedOn: "Your signature was recorded on",
	OthersWait:   "%d of %d people have signed. When everybody has, the document is sealed and can be downloaded here.",
	WeWrite:      "You can close this page and come back with the same link.",
	SealingTitle: "Everybody has signed", Sealing: "The document is being sealed. This takes a few seconds; the page shows it when it is done.",
	SealFailed: "The seal could not be made yet. No signature is lost: the sender can see the reason and start it again. Come back later with the same link.",
	DoneTitle:  "Signed and sealed", DoneText: "Everybody has signed. This is your copy, the same for all.",
	DownloadSealed: "Download the sealed PDF", SealedDigest: "Digest of the sealed PDF (SHA-256)",
	Verify:        "How anyone can verify it",
	VerifyCommand: "The signatures are inside the file. With the root certificate, this command checks them without asking us, and names what was changed if anything was:",
	Reader:        "PDF readers that know digital signatures show them too.", MoreWays: "All about checking it",

	CheckTitle: "Check a sealed document", CheckIntro: "The seal and the proofs are inside the file. Check them with programs you trust; this server learns nothing of it.",
	CheckReader:     "With a PDF reader",
	CheckReaderText: "Readers that know digital signatures say whether anything was changed since the seal. They name who sealed it once they trust this root certificate:",
	CheckRoot:       "Download the root certificate", CheckRootDigest: "Digest of the root certificate (SHA-256); compare it with what the sender tells you",
	CheckCommand: "With paraph verify", CheckSeal: "It works without a network. This checks the seal:",
	CheckProofs: "Save the file’s attachments with your reader. This shows that each step stands in the log, as it was written then:",
	CheckKey:    "Download the log’s key", CheckKeyIs: "The log’s key",

	WaitingTitle: "It is not your turn yet", Waiting: "Somebody before you has to sign first. You will get a message at %s when it is your turn.",
	DeclinedTitle: "You have declined", DeclinedOn: "Declined on", DeclinedReason: "Your reason: %s",
	OtherDeclinedTitle: "This request has ended", OtherDeclined: "Somebody who was asked declined to sign, so there is nothing left for you to do.",
	VoidedTitle: "The sender withdrew this request", Voided: "There is nothing left for you to do.", VoidReason: "The sender’s reason: %s",
	EndedTitle: "The time to sign has run out", Ended: "Nobody can sign this request any more. Ask the sender for a new one if you still want to sign.",
	YouHadSigned: "You had signed it before. Without the other signatures it was never sealed.",
	UnknownTitle: "This link is not known", Unknown: "It may have been cut off on its way. Open it again from the message you received, or ask the sender for a new one.",
	ExpiredTitle: "This link has run out", Expired: "Links work for a limited time only. Ask the sender for a new one.",
	NotYetTitle: "Not sealed yet", NotNowTitle: "This cannot be done now",
	NotYet:       "The sealed document does not exist yet. Come back when everybody has signed.",
	TroubleTitle: "Something went wrong on our side", Trouble: "It has been logged. Nothing of yours is lost: load the page again in a minute.",
	AwayTitle: "Paraph cannot answer just now", Away: "A part it needs is away. Nothing of yours is lost: load the page again in a minute.",
}

// wordsFor picks the language for an Accept-Language header: English, so far.
func wordsFor(string) *Words { return &english }

// pages says how many pages there are.
func (w *Words) pages(n int) string {
	if n == 1 {
		return w.OnePage
	}
	return fmt.Sprintf(w.Pages, n)
}

// minutes says how long reading and signing take.
func (w *Words) minutes(n int) string {
	if n <= 1 {
		return w.OneMinute
	}
	return fmt.Sprintf(w.Minutes, n)
}

// F fills a sentence in; templates use it.
func (w *Words) F(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// When writes a time in UTC; the page's script shows it in the reader's zone.
func (w *Words) When(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// Machine writes a time for <time datetime>.
func (w *Words) Machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }
