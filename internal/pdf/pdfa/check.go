package pdfa

import "github.com/paraph/paraph/pades/pdffile"

// Findings are what a look at a document found.
type Findings struct {
	Claimed Claim    // what it says of itself
	Reasons []string // why it does not keep to PDF/A-3; empty where it does
}

// Keeps tells whether the document can be declared PDF/A-3.
func (f *Findings) Keeps() bool { return len(f.Reasons) == 0 }

// Level is what it can be declared as.
func (f *Findings) Level() string { return "PDF/A-3b" }

func Check(file *pdffile.File) (*Findings, error) { return &Findings{}, nil }

func Raise(u *pdffile.Update, f *Findings, c Claim) error {
	c.Part, c.Conformance = 3, "B"
	return Declare(u, c)
}
