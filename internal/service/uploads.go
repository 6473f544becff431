package service

import (
	"context"
	"io"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
)

const (
	// UploadPrefix begins the id of an upload that can be resumed.
	UploadPrefix = "upl"
	// uploadLife is how long an upload stays after its last progress.
	uploadLife = 24 * time.Hour
	// uploadPiece is how much of a file is kept at a time: a process that dies loses
	// no more of what it had received.
	uploadPiece = 16 << 20
	// maxUploadParts and maxUploads bound the rows of one upload, and the open uploads of one caller.
	maxUploadParts = 20_000
	maxUploads     = 1000
)

// ResumableUpload is a file that comes in pieces.
type ResumableUpload struct {
	Org, ID  string
	Owner    string // whose it is: nobody else sees it
	Unit     string
	Length   int64 // bytes of the whole file
	Position int64 // bytes that are kept, synced to disk
	Parts    int
	Details  UploadDetails

	// Once the file is whole: the document (or import) made of it, and the operation that reads
	// it; or why none could be made.
	DocumentID, OperationID string
	Code, Reason            string

	CreatedAt, ExpiresAt time.Time
	Revision             int64
}

// Whole tells whether all bytes are there.
func (u *ResumableUpload) Whole() bool { return u.Position == u.Length }

// UploadDetails is what is to be made of the file.
type UploadDetails struct {
	Document  NewDocument `json:"document"`
	Import    string      `json:"import,omitempty"`  // business unit that the file is an archive for; "": a document is made
	Replace   string      `json:"replace,omitempty"` // id of the draft it is a corrected file of; "": a new document
	FileName  string      `json:"file_name,omitempty"`
	MediaType string      `json:"media_type,omitempty"`
}

// uploadReader and uploadWriter keep uploads and their pieces.
type uploadReader interface {
	Upload(ctx context.Context, org, id string) (ResumableUpload, error)
	CountUploads(ctx context.Context, org, owner string) (int, error)
	// UploadParts gives the pieces in their order, as rows of blobs.
	UploadParts(ctx context.Context, org, id string) ([]Blob, error)
	// ExpiredUploads gives uploads of all organisations that ran out before the time.
	ExpiredUploads(ctx context.Context, before time.Time, limit int) ([]ResumableUpload, error)
}

type uploadWriter interface {
	InsertUpload(ctx context.Context, u ResumableUpload) error
	// UpdateUpload compare-and-swaps (Conflict "stale").
	UpdateUpload(ctx context.Context, u *ResumableUpload) error
	InsertUploadPart(ctx context.Context, org, id string, number int, b Blob) error
	DropUploadParts(ctx context.Context, org, id string) error
	// DropUpload deletes an upload with its pieces' rows and its key.
	DropUpload(ctx context.Context, org, id string) error
}

func uploadGone() error {
	return fault.New(fault.NotFound, "not_found", "There is no such upload, or it has run out. Begin it anew.")
}

// BeginUpload makes an upload that can be resumed. Everything about the document
// that can be checked now is checked now.
//
// Faults: Invalid "invalid_document"; NotFound and Conflict "document_not_draft" for
// a file to be replaced; Conflict "too_many_uploads".
func (s *Service) BeginUpload(ctx context.Context, call Call, length int64, d UploadDetails) (Result[ResumableUpload], error) {
	u := ResumableUpload{Org: call.Actor.Org, Owner: call.idemClient(), Length: length, Details: d}
	if d.Import != "" {
		if err := s.Importable(ctx, call.Actor, d.Import); err != nil {
			return Result[ResumableUpload]{}, err
		}
		u.Unit = d.Import
	} else if d.Replace == "" {
		doc, _, err := s.draft(ctx, call.Actor, d.Document, d.FileName)
		if err != nil {
			return Result[ResumableUpload]{}, err
		}
		u.Unit = doc.Unit
	} else if err := s.replaceable(ctx, call.Actor, d.Replace, &u.Unit); err != nil {
		return Result[ResumableUpload]{}, err
	}
	u.ID = id.New(UploadPrefix, s.Clock.Now())
	key, err := s.Vault.NewKey(ctx, Place{Org: u.Org, Unit: u.Unit, Document: u.ID, New: true})
	if err != nil {
		return Result[ResumableUpload]{}, err
	}
	return keyed(ctx, s, u.Unit, &key, func() (Result[ResumableUpload], error) {
		return run(ctx, s, call, false, func(ctx context.Context, c *change) (ResumableUpload, error) {
			n, err := c.CountUploads(ctx, u.Org, u.Owner)
			if err == nil && n >= maxUploads {
				err = fault.New(fault.Conflict, "too_many_uploads", "There are %d open uploads; finish or end some of them.", n)
			}
			if err != nil {
				return u, err
			}
			u := u
			u.CreatedAt, u.ExpiresAt, u.Revision = c.Now(), c.Now().Add(uploadLife), 1
			if err := c.InsertDocumentKey(ctx, key); err != nil {
				return u, err
			}
			return u, c.InsertUpload(ctx, u)
		})
	})
}

// replaceable checks that a document takes a corrected file.
func (s *Service) replaceable(ctx context.Context, a access.Actor, docID string, unit *string) error {
	return s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		d, err := documentFor(ctx, tx, a, docID, access.WriteDocument)
		if err != nil {
			return err
		}
		*unit = d.Unit
		return draftOnly(&d)
	})
}

// ResumableUpload gives an upload of the caller. Faults: NotFound.
func (s *Service) ResumableUpload(ctx context.Context, call Call, uploadID string) (u ResumableUpload, err error) {
	if err := access.Allowed(call.Actor, access.WriteDocument); err != nil {
		return u, err
	}
	err = s.Store.Read(Within(ctx, call.Actor.Org), func(ctx context.Context, tx Reader) error {
		u, err = tx.Upload(ctx, call.Actor.Org, uploadID)
		if fault.KindOf(err) == fault.NotFound || (err == nil && (u.Owner != call.idemClient() || !u.ExpiresAt.After(tx.Now()))) {
			u = ResumableUpload{} // nothing of another's is told
			return uploadGone()
		}
		return err
	})
	return u, err
}

// AppendUpload keeps what body gives, from the offset on, and returns the upload as
// it is then. The body's end is where it ends or breaks off: what came until then is
// kept. With check the bytes are kept only if it returns nil at their end.
//
// Faults: NotFound; Conflict "offset_differs" where the upload is elsewhere, or
// another request was faster; TooLarge "file_too_large" where more comes than the
// whole has; Conflict "too_many_parts"; those of the vault and of check.
func (s *Service) AppendUpload(ctx context.Context, call Call, uploadID string, offset int64, body io.Reader, check func() error) (ResumableUpload, error) {
	u, err := s.ResumableUpload(ctx, call, uploadID)
	if err != nil {
		return u, err
	}
	if offset != u.Position {
		return u, offsetDiffers(&u)
	}
	var pending []Blob
	defer func() { s.removeParts(ctx, pending) }()
	for ended := u.Whole(); !ended; {
		piece := &pieceReader{from: body, left: min(uploadPiece, u.Length-u.Position-sizeOf(pending))}
		b, err := s.Vault.Put(ctx, Place{Org: u.Org, Unit: u.Unit, Document: u.ID}, piece)
		if err != nil {
			return u, err
		}
		pending = append(pending, b)
		ended = piece.ended || u.Position+sizeOf(pending) == u.Length
		if check != nil && !ended {
			continue
		}
		if check != nil {
			if err := check(); err != nil {
				return u, err
			}
		}
		if err := s.advance(ctx, &u, pending); err != nil {
			return u, err
		}
		pending = nil
	}
	return u, overflow(body, &u)
}

// advance makes pieces part of the upload.
func (s *Service) advance(ctx context.Context, u *ResumableUpload, pieces []Blob) error {
	next := *u
	err := s.Store.Propose(Within(ctx, u.Org), func(ctx context.Context, tx Tx) error {
		next = *u
		now, err := tx.Upload(ctx, u.Org, u.ID)
		if fault.KindOf(err) == fault.NotFound {
			return uploadGone()
		}
		if err == nil && now.Position != u.Position {
			err = offsetDiffers(&now)
		}
		if err != nil {
			return err
		}
		next.Revision = now.Revision
		for _, b := range pieces {
			if b.Size == 0 {
				continue
			}
			if next.Parts >= maxUploadParts {
				return fault.New(fault.Conflict, "too_many_parts", "The upload came in %d pieces; send larger ones.", next.Parts)
			}
			next.Parts++
			next.Position += b.Size
			if err := tx.InsertUploadPart(ctx, u.Org, u.ID, next.Parts, b); err != nil {
				return err
			}
		}
		next.ExpiresAt = tx.Now().Add(uploadLife)
		return tx.UpdateUpload(ctx, &next)
	})
	if err != nil {
		return err
	}
	for _, b := range pieces {
		if b.Size == 0 {
			s.removeParts(ctx, []Blob{b})
		}
	}
	*u = next
	return nil
}

func offsetDiffers(u *ResumableUpload) error {
	return fault.New(fault.Conflict, "offset_differs", "The upload has %d of %d bytes. Go on from there.", u.Position, u.Length)
}

// overflow tells of bytes behind the end of the file.
func overflow(body io.Reader, u *ResumableUpload) error {
	var one [1]byte
	if n, _ := io.ReadFull(body, one[:]); n > 0 {
		return fault.New(fault.TooLarge, "file_too_large", "More was sent than the %d bytes that the upload was to have. They were not kept.", u.Length)
	}
	return nil
}

// FinishUpload makes the document, or the new version, of an upload that is whole.
// It is the ordinary upload's command, under a key of the upload's own: however
// often it runs, it makes one. A refusal stays with the upload, to be seen.
//
// Faults: those of Upload and Replace; Conflict "offset_differs" where bytes are missing.
func (s *Service) FinishUpload(ctx context.Context, call Call, u ResumableUpload) (ResumableUpload, error) {
	if u.DocumentID != "" {
		return u, nil
	}
	if !u.Whole() {
		return u, offsetDiffers(&u)
	}
	var parts []Blob
	err := s.Store.Read(Within(ctx, call.Actor.Org), func(ctx context.Context, tx Reader) (err error) {
		parts, err = tx.UploadParts(ctx, u.Org, u.ID)
		return err
	})
	if err != nil {
		return u, err
	}
	whole := &joinedParts{ctx: ctx, vault: s.Vault, rest: parts}
	defer whole.Close()
	file := File{Name: u.Details.FileName, MediaType: u.Details.MediaType, Body: whole}
	call.Idem = &Idempotency{Route: "resumable upload", Key: u.ID, Digest: []byte(u.ID)}
	var out Result[Uploaded]
	if u.Details.Import != "" {
		var made Result[UnitImport]
		made, err = s.StartImport(ctx, call, u.Details.Import, whole)
		out.Value.Document.ID, out.Value.Operation = made.Value.ID, made.Value.Progress
	} else if u.Details.Replace != "" {
		out, err = s.Replace(ctx, call, u.Details.Replace, file)
	} else {
		doc := u.Details.Document
		if string(doc.Metadata) == "null" {
			doc.Metadata = nil // as the row has it where there are none
		}
		out, err = s.Upload(ctx, call, doc, file)
	}
	if err != nil && Uncertain(err) {
		return u, err
	}
	return s.conclude(ctx, u, parts, out.Value, err)
}

// conclude keeps what became of an upload. Once it is a document its pieces go;
// those of one that was refused stay until it runs out.
func (s *Service) conclude(ctx context.Context, u ResumableUpload, parts []Blob, made Uploaded, refused error) (ResumableUpload, error) {
	err := s.Store.Write(Within(ctx, u.Org), func(ctx context.Context, tx Tx) error {
		now, err := tx.Upload(ctx, u.Org, u.ID)
		if err != nil {
			return err
		}
		u = now
		if f := fault.From(refused); f != nil {
			u.Code, u.Reason = f.Code, f.Message
		} else {
			u.DocumentID, u.OperationID, u.Code, u.Reason = made.Document.ID, made.Operation.ID, "", ""
			if err := tx.DropUploadParts(ctx, u.Org, u.ID); err != nil {
				return err
			}
		}
		return tx.UpdateUpload(ctx, &u)
	})
	if err == nil && refused == nil {
		s.removeParts(ctx, parts)
	}
	if refused != nil {
		return u, refused
	}
	return u, err
}

// EndUpload deletes an upload with all that came of it so far; the document that was made of it stays.
func (s *Service) EndUpload(ctx context.Context, call Call, uploadID string) error {
	u, err := s.ResumableUpload(ctx, call, uploadID)
	if err != nil {
		return err
	}
	return s.dropUpload(ctx, &u)
}

// CollectUploads deletes uploads that have run out, and tells how many.
func (s *Service) CollectUploads(ctx context.Context) (n int, err error) {
	var old []ResumableUpload
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		old, err = tx.ExpiredUploads(ctx, tx.Now(), 100)
		return err
	})
	for i := range old {
		if err := s.dropUpload(ctx, &old[i]); err != nil {
			return n, err
		}
		n++
	}
	return n, err
}

func (s *Service) dropUpload(ctx context.Context, u *ResumableUpload) error {
	var parts []Blob
	err := s.Store.Write(Within(ctx, u.Org), func(ctx context.Context, tx Tx) (err error) {
		if parts, err = tx.UploadParts(ctx, u.Org, u.ID); err != nil {
			return err
		}
		return tx.DropUpload(ctx, u.Org, u.ID)
	})
	if err == nil {
		s.removeParts(ctx, parts)
	}
	return err
}

// removeParts removes objects that no row names. What cannot be removed now is
// left to the collector of orphans.
func (s *Service) removeParts(ctx context.Context, parts []Blob) {
	for _, b := range parts {
		if err := s.Vault.Remove(context.WithoutCancel(ctx), b.ID); err != nil {
			s.Log.Warn("a piece of an upload stays until the collector comes", "blob", b.ID, "error", err)
		}
	}
}

func sizeOf(parts []Blob) (n int64) {
	for _, b := range parts {
		n += b.Size
	}
	return n
}

// pieceReader gives up to left bytes. A body that breaks off ends here: what came is kept.
type pieceReader struct {
	from  io.Reader
	left  int64
	ended bool
}

func (p *pieceReader) Read(b []byte) (int, error) {
	if p.left <= 0 {
		return 0, io.EOF
	}
	n, err := p.from.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	if err != nil {
		p.ended, p.left = true, 0
		err = io.EOF
	}
	return n, err
}

// joinedParts reads pieces one behind the other, each open only while it is read.
type joinedParts struct {
	ctx   context.Context
	vault Vault
	rest  []Blob
	open  Content
}

func (j *joinedParts) Read(b []byte) (int, error) {
	for {
		if j.open == nil {
			if len(j.rest) == 0 {
				return 0, io.EOF
			}
			next, err := j.vault.Open(j.ctx, j.rest[0])
			if err != nil {
				return 0, err
			}
			j.open, j.rest = next, j.rest[1:]
		}
		n, err := j.open.Read(b)
		if err == io.EOF {
			err = j.Close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close closes what is open.
func (j *joinedParts) Close() (err error) {
	if j.open != nil {
		err, j.open = j.open.Close(), nil
	}
	return err
}
