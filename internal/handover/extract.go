package handover

import "io"

// Extract writes what the archive tells of one document, without the files of its
// versions, as an archive of the same form: its line, its entries with their proofs,
// its packages of the compliance archive, and what is needed to check them. It is the
// same to the byte each time.
func (a *Archive) Extract(out io.Writer, of *Document) error {
	d, m := *of, a.Manifest
	w := NewWriter(out, m.MadeAt)
	for _, name := range []string{ReadmeName, UnitName, LogKeyName, CAName, TSAName} {
		if _, there := a.named[name]; !there {
			continue
		}
		raw, err := a.Named(name, MaxManifest)
		if err != nil {
			return err
		}
		if err := w.NameBytes(name, raw); err != nil {
			return err
		}
	}
	m.Extract, m.Counts = a.Digest, Counts{Documents: 1, Approvals: int64(len(d.Approvals)), Envelopes: int64(len(d.Envelopes)), Entries: d.Entries}
	d.Versions = append([]Version{}, d.Versions...)
	for i := range d.Versions {
		d.Versions[i].Path = ""
	}
	var listed []File
	take := func(f File) error {
		f, err := w.Add(f.Path, func(out io.Writer) error { return a.copy(f, out) })
		listed = append(listed, f)
		m.Counts.Files, m.Counts.Bytes = m.Counts.Files+1, m.Counts.Bytes+f.Size
		return err
	}
	if err := take(d.Journal); err != nil {
		return err
	}
	if d.Archive != nil {
		for _, p := range d.Archive.Packages {
			if err := take(p); err != nil {
				return err
			}
			m.Counts.Packages++
		}
	}
	if err := w.Name(DocumentsName, func(out io.Writer) error { return Lines(out)(&d) }); err != nil {
		return err
	}
	err := w.Name(FilesName, func(out io.Writer) error {
		line := Lines(out)
		for _, f := range listed {
			if err := line(f); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		_, err = w.Close(m)
	}
	return err
}

func (a *Archive) copy(f File, out io.Writer) error {
	r, err := a.Content(f)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	_, err = io.Copy(out, r)
	return err
}
