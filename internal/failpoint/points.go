package failpoint

// The points, in the order a document meets them. A name says what has just
// happened, or with "before" what is about to.
const (
	RequestRead  Point = "request.read"  // a change was asked for whole, its command has not begun
	AnswerBefore Point = "answer.before" // a change is done, not a byte of its answer is sent

	BlobWriting Point = "blob.writing" // part of an object is written, under no name yet
	BlobSync    Point = "blob.sync"    // before the object's bytes are synced
	BlobNamed   Point = "blob.named"   // the object has its name, its folder is not synced
	BlobSynced  Point = "blob.synced"  // the object is there for good, no row names it

	CommitBefore Point = "commit.before" // a transaction is complete, not committed
	CommitAfter  Point = "commit.after"  // committed, nobody told

	LogBefore   Point = "log.before"   // entries wait, their places are about to be given
	LogSigned   Point = "log.signed"   // the grown tree's checkpoint is signed, nothing stored
	LogNumbered Point = "log.numbered" // places, hashes and checkpoint are written, not committed

	MarkBefore Point = "mark.before" // the log's high-water mark is about to be replaced
	MarkAfter  Point = "mark.after"  // it is replaced and synced, the checkpoint not handed out

	DispatchBefore   Point = "dispatch.before"   // entries are read, their jobs not inserted
	DispatchInserted Point = "dispatch.inserted" // the jobs are inserted, the cursor stands where it was
	DispatchDone     Point = "dispatch.done"     // jobs and cursor are committed

	JobTaken Point = "job.taken" // a worker has the job of an operation, nothing else happened
	JobDone  Point = "job.done"  // its effect is committed, the queue has not heard of it

	CaptureRead       Point = "capture.read"       // the file was inspected
	CaptureRendered   Point = "capture.rendered"   // a page is drawn for recognition
	CaptureRecognised Point = "capture.recognised" // the pages are read, their words not stored
	CaptureStored     Point = "capture.stored"     // everything made is stored, no row names it
	CaptureFinished   Point = "capture.finished"   // the rows are committed

	SealPrepared Point = "seal.prepared" // the file to seal is prepared, not signed
	SealSigned   Point = "seal.signed"   // the signature is made, it stands nowhere
	SealStored   Point = "seal.stored"   // the sealed file is stored, no row names it
	SealFinished Point = "seal.finished" // the rows are committed

	ProtectPrepared Point = "protect.prepared" // a revision is about to be added to a signed file
	ProtectStamped  Point = "protect.stamped"  // a document timestamp was given, it stands nowhere
	ProtectStored   Point = "protect.stored"   // what was added is stored, no row names it
	ProtectAdded    Point = "protect.added"    // the versions are committed, the operation is open
	ProtectFinished Point = "protect.finished" // the operation has ended

	AdditionStored Point = "addition.stored" // an addition to an archive package is stored, not read back

	ArchivePacked   Point = "archive.packed"   // the package's files are gathered
	ArchiveStored   Point = "archive.stored"   // the package is stored, not read back
	ArchiveRead     Point = "archive.read"     // it was read back and agrees, no row names it
	ArchiveFinished Point = "archive.finished" // the rows are committed

	MailBefore Point = "mail.before" // a letter is written, not sent
	MailAfter  Point = "mail.after"  // the mail server has it, the queue has not heard of it
)

// All lists every point.
var All = []Point{
	RequestRead, AnswerBefore,
	BlobWriting, BlobSync, BlobNamed, BlobSynced,
	CommitBefore, CommitAfter,
	LogBefore, LogSigned, LogNumbered, MarkBefore, MarkAfter,
	DispatchBefore, DispatchInserted, DispatchDone,
	JobTaken, JobDone,
	CaptureRead, CaptureRendered, CaptureRecognised, CaptureStored, CaptureFinished,
	SealPrepared, SealSigned, SealStored, SealFinished,
	ProtectPrepared, ProtectStamped, ProtectStored, ProtectAdded, ProtectFinished, AdditionStored,
	ArchivePacked, ArchiveStored, ArchiveRead, ArchiveFinished,
	MailBefore, MailAfter,
}
