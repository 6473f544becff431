package engine

import (
	"errors"
	"os"

	"github.com/paraph/paraph/internal/pdf"
)

type strictView struct{}

func openStrict(file *os.File, size int64) (*strictView, error) {
	return nil, errors.New("not yet")
}
func (s *strictView) userUnit(page int) float64 { return 1 }

func (s *strictView) imageDecode(page int) bool     { return false }
func (s *strictView) actions(found *pdf.Inspection) {}
