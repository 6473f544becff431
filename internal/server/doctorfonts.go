package server

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/pades/pdffont"
)

// lookFonts tells in which scripts names can be written on certificates and in
// marks. A script without a font is no fault, until somebody's name is in it.
func lookFonts(context.Context, *config.Config) []Finding {
	have, missing := pdffont.NewLibrary(pdf.FontDir).Scripts()
	if len(missing) == 0 {
		return []Finding{{About: "fonts", OK: true, Says: fmt.Sprintf("names can be written in all %d scripts that are known here", len(have))}}
	}
	var lack, packages []string
	for _, m := range missing {
		lack = append(lack, m.Script)
		if !slices.Contains(packages, m.Package) {
			packages = append(packages, m.Package)
		}
	}
	return []Finding{{About: "fonts", OK: true, Says: fmt.Sprintf("names can be written in %d scripts; there is no font for %s (Debian has them in %s)",
		len(have), strings.Join(lack, ", "), strings.Join(packages, " and "))}}
}
