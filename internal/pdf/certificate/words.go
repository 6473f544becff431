package certificate

import (
	"fmt"
	"strings"
	"time"
)

// Words are all texts of a certificate in one language. Another language is
// another value of this type in the table.
type Words struct {
	Lang string // BCP 47
	RTL  bool   // the language is written from right to left

	Title, Intro, Footer, PageOf                                   string
	Document, Signer, Signers, Agreed, Happened, Verify            string
	TitleOf, Pages, DocumentID, EnvelopeID, SentBy, Sent, Complete string
	SignedDigest, OriginalDigest                                   string
	KnownBy, Asked, Opened, Saw, Consented, Signed, Address        string
	TimeZone, Device, WasShown, ConsentDigest                      string
	When, What, From                                               string
	VerifyText, VerifyOnline, CodeAlt, MarkAlt, SealAlt            string

	Months [12]string
	Date   string // of day, month's name, year and time, as a format

	Authentication map[string]string // by code
	Events         map[string]string // by kind of entry; what is not here prints as it came
}

// languages are what certificates are written in; the first one stands in for all others.
var languages = []*Words{&english, &german}

// wordsFor picks a language by its tag, the nearest there is.
func wordsFor(tag string) *Words {
	base, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(tag, "_", "-")), "-")
	for _, w := range languages {
		if w.Lang == base {
			return w
		}
	}
	return languages[0]
}

func (w *Words) moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	at = at.UTC()
	return fmt.Sprintf(w.Date, at.Day(), w.Months[at.Month()-1], at.Year(), at.Format(time.TimeOnly))
}

var english = Words{
	Lang: "en",

	Title: "Certificate of completion", Intro: "Everyone asked to sign has signed. All times are UTC.", Footer: "Certificate of completion", PageOf: "page %d of %d",
	Document: "Document", Signer: "Signer", Signers: "Signers", Agreed: "What was agreed to", Happened: "What happened", Verify: "How to verify",
	TitleOf: "Title", Pages: "Pages", DocumentID: "Document", EnvelopeID: "Envelope", SentBy: "Sent by", Sent: "Sent", Complete: "Completed",
	SignedDigest: "Signed SHA-256", OriginalDigest: "Original SHA-256",
	KnownBy: "Known by", Asked: "Asked", Opened: "Opened", Saw: "Saw the pages", Consented: "Agreed", Signed: "Signed", Address: "Address",
	TimeZone: "Time zone", Device: "Device", WasShown: "Was shown", ConsentDigest: "Consent SHA-256",
	When: "When", What: "What", From: "From",
	VerifyText: "This file carries a digital seal over all its bytes, which any PDF reader that checks signatures can verify. " +
		"The evidence and the proofs from the log are attached to it, or stand in the archive package. “paraph verify” checks both: it works " +
		"offline, trusts no server, and says which step of the record it could not confirm.",
	VerifyOnline: "How it is done, and the certificates and keys for it:", CodeAlt: "QR code that leads to %s", MarkAlt: "Signature of %s", SealAlt: "Seal of %s",
	Months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	Date:   "%d %s %d, %s",
	Authentication: map[string]string{
		"email_link": "a link sent to this e-mail address",
		"api_link":   "a link handed over by the sender’s system",
	},
}

var german = Words{
	Lang: "de",

	Title: "Abschlussbescheinigung", Intro: "Alle, die um ihre Unterschrift gebeten wurden, haben unterschrieben. Alle Zeiten sind in UTC.", Footer: "Abschlussbescheinigung", PageOf: "Seite %d von %d",
	Document: "Dokument", Signer: "Unterschrift", Signers: "Unterschriften", Agreed: "Wozu zugestimmt wurde", Happened: "Was geschah", Verify: "So wird geprüft",
	TitleOf: "Titel", Pages: "Seiten", DocumentID: "Dokument", EnvelopeID: "Umschlag", SentBy: "Gesendet von", Sent: "Gesendet", Complete: "Abgeschlossen",
	SignedDigest: "SHA-256 signiert", OriginalDigest: "SHA-256 Original",
	KnownBy: "Erkannt durch", Asked: "Gebeten", Opened: "Geöffnet", Saw: "Seiten gesehen", Consented: "Zugestimmt", Signed: "Unterschrieben", Address: "Adresse",
	TimeZone: "Zeitzone", Device: "Gerät", WasShown: "Gezeigt wurde", ConsentDigest: "SHA-256 Zustimmung",
	When: "Wann", What: "Was", From: "Von wo",
	VerifyText: "Diese Datei trägt ein digitales Siegel über alle ihre Bytes. Jedes PDF-Programm, das Signaturen prüft, kann es prüfen. " +
		"Belege und Nachweise aus der Aufzeichnung sind angehängt oder liegen im Archivpaket. „paraph verify“ prüft beides: ohne Netz, " +
		"ohne einem Server zu trauen, und sagt, welcher Schritt der Aufzeichnung nicht bestätigt werden konnte.",
	VerifyOnline: "Wie das geht, mit den Zertifikaten und Schlüsseln dafür:", CodeAlt: "QR-Code, der zu %s führt", MarkAlt: "Unterschrift von %s", SealAlt: "Siegel von %s",
	Months: [12]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
	Date:   "%d. %s %d, %s",
	Authentication: map[string]string{
		"email_link": "einen Link, der an diese E-Mail-Adresse ging",
		"api_link":   "einen Link, den das System des Absenders übergab",
	},
	Events: map[string]string{
		"document.created":           "Ein Dokument wurde angenommen",
		"document.captured":          "Seine Seiten wurden gelesen; Text und Seiten liegen vor",
		"document.processing_failed": "Ein Schritt schlug wiederholt fehl; der Grund steht beim Dokument",
		"document.submitted":         "Es wurde zur Freigabe eingereicht",
		"document.in_review":         "Seine Durchsicht wurde eröffnet",
		"document.approved":          "Alle Nötigen haben zugestimmt",
		"document.returned":          "Es ging zur Korrektur zurück",
		"document.version_added":     "Eine berichtigte Datei kam hinzu",
		"document.metadata_changed":  "Titel, Merkmale oder Angaben wurden geändert",
		"task.opened":                "Jemand wurde um eine Entscheidung gebeten",
		"task.decided":               "Jemand hat entschieden",
		"task.cancelled":             "Eine Entscheidung wird nicht mehr gebraucht",
		"envelope.created":           "Unterschriften wurden angefordert",
		"envelope.sent":              "Jemand erhielt den Link zum Unterschreiben",
		"envelope.delivered":         "Jemand öffnete den Link zum Unterschreiben",
		"envelope.viewed":            "Jemand sah das Dokument",
		"envelope.consented":         "Jemand stimmte dem elektronischen Unterschreiben zu",
		"envelope.signed":            "Jemand unterschrieb",
		"envelope.declined":          "Jemand lehnte ab",
		"envelope.reminded":          "Jemand wurde erinnert",
		"envelope.expired":           "Die Frist zum Unterschreiben lief ab",
		"envelope.voided":            "Die Anforderung wurde zurückgezogen",
		"envelope.link_created":      "Einem System wurde der Link einer Person übergeben",
		"operation.started":          "Eine längere Arbeit begann",
		"operation.succeeded":        "Eine längere Arbeit ist fertig",
		"operation.failed":           "Eine längere Arbeit misslang nach mehreren Versuchen",
		"operation.retried":          "Eine misslungene Arbeit wurde neu begonnen",
	},
}
