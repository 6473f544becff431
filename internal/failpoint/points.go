package failpoint

// The points, in the order a document meets them. A name says what has just
// happened, or with "before" what is about to.
const (
	BlobWriting Point = "blob.writing" // part of an object is written, under no name yet
	BlobSync    Point = "blob.sync"    // before the object's bytes are synced
	BlobNamed   Point = "blob.named"   // the object has its name, its folder is not synced
	BlobSynced  Point = "blob.synced"  // the object is there for good, no row names it

	CommitBefore Point = "commit.before" // a transaction is complete, not committed
	CommitAfter  Point = "commit.after"  // committed, nobody told
)

// All lists every point.
var All = []Point{BlobWriting, BlobSync, BlobNamed, BlobSynced, CommitBefore, CommitAfter}
