package server

import "github.com/paraph/paraph/internal/httpapi"

// WriteDocs writes the documentation that a running server shows under /docs into a
// folder, and gives how many files it has.
func WriteDocs(folder string) (files int, err error) {
	site, err := httpapi.Docs()
	if err != nil {
		return 0, err
	}
	return site.WriteTo(folder)
}
