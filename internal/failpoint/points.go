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

	DisposeRead      Point = "dispose.read"      // what is left of the document is known, nothing deleted
	DisposeDeleted   Point = "dispose.deleted"   // one of its files is deleted
	DisposeForgotten Point = "dispose.forgotten" // the queue's rows about it are deleted
	DisposeScrubbed  Point = "dispose.scrubbed"  // the database's files hold nothing of it, the operation has not ended

	RotateRewrapped Point = "rotate.rewrapped" // some keys of documents lie under the new key of the unit
	RotateEmptied   Point = "rotate.emptied"   // nothing lies under the old one, it is there
	RotateDestroyed Point = "rotate.destroyed" // it is destroyed, the operation has not ended

	ExportGathered Point = "export.gathered" // what a unit owns is known, nothing of its archive is written
	ExportFile     Point = "export.file"     // a file is in the archive that is being written
	ExportStored   Point = "export.stored"   // the archive is stored, no row names it

	ImportStored Point = "import.stored" // the files of a document of an archive are stored, no row names them
	ImportMade   Point = "import.made"   // the document and what became of its line are committed

	MailBefore Point = "mail.before" // a letter is written, not sent
	MailAfter  Point = "mail.after"  // the mail server has it, the queue has not heard of it

	HookProven  Point = "hook.proven"  // a webhook is what it says, nothing is stored
	HookStored  Point = "hook.stored"  // its events are stored, their sender has not heard of it
	InboundDone Point = "inbound.done" // an event's command is committed, the event does not know

	BulkRowSent Point = "bulk.row" // a row of a bulk send is committed, the next one has not begun

	BusSent     Point = "bus.sent"     // the bus has the messages, the cursor stands where it was
	BusMoved    Point = "bus.moved"    // the cursor has moved on
	BusReceived Point = "bus.received" // a message is stored, the bus has not heard of it
)

// Outside lists the points of what goes to other systems and comes from them; a
// document need not meet them.
var Outside = []Point{HookProven, HookStored, InboundDone, BusSent, BusMoved, BusReceived, ExportGathered, ExportFile, ExportStored, ImportStored, ImportMade}

// The points that a process passes only beside others.
const (
	CaptureDivided Point = "capture.divided" // a long document's parts wait, and the document for them
	CapturePart    Point = "capture.part"    // the pages of a part are read and kept, it has not ended
)

// Apart lists the points that a process passes only beside others.
var Apart = []Point{CaptureDivided, CapturePart, BulkRowSent}

// The points of the command line, which no server passes.
const (
	BackupTable    Point = "backup.table"    // the rows of one table are written and synced
	BackupFile     Point = "backup.file"     // a file of a document is copied
	BackupKeys     Point = "backup.keys"     // the keys part is written beside the one before it
	BackupManifest Point = "backup.manifest" // everything is there but the manifest

	RestoreClaimed Point = "restore.claimed" // the empty database is claimed, nothing loaded
	RestoreTable   Point = "restore.table"   // one table is loaded
	RestoreFile    Point = "restore.file"    // a file of a document is copied
	RestoreTree    Point = "restore.tree"    // part of the tree is made
	RestoreProven  Point = "restore.proven"  // it has proven itself, the claim stands

	AcceptBefore Point = "accept.before" // a restored log is about to get its new name
	AcceptNamed  Point = "accept.named"  // it has it, the high-water mark is the old one
)

// Tools lists the points of the command line.
var Tools = []Point{
	BackupTable, BackupFile, BackupKeys, BackupManifest,
	RestoreClaimed, RestoreTable, RestoreFile, RestoreTree, RestoreProven,
	AcceptBefore, AcceptNamed,
}

// All lists every point that a server alone passes.
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
	DisposeRead, DisposeDeleted, DisposeForgotten, DisposeScrubbed,
	RotateRewrapped, RotateEmptied, RotateDestroyed,
	MailBefore, MailAfter,
}
