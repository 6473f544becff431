package document

import "github.com/paraph/paraph/internal/fault"

// UnitLimits are what a business unit may take up; 0 is without a limit.
type UnitLimits struct {
	Bytes     int64 `json:"bytes,omitempty"`     // stored, with everything that is made of what came in
	Documents int64 `json:"documents,omitempty"` // made in a calendar month (UTC)
	FileBytes int64 `json:"file,omitempty"`      // of one uploaded file
	Pages     int   `json:"pages,omitempty"`     // of one document
}

// Check notes what cannot be meant.
func (l UnitLimits) Check(list *fault.List) {
	for pointer, n := range map[string]int64{"/limits/bytes": l.Bytes, "/limits/documents_per_month": l.Documents, "/limits/bytes_per_file": l.FileBytes, "/limits/pages_per_document": int64(l.Pages)} {
		if n < 0 {
			list.Add(pointer, "out_of_range", "A limit is a number above 0; 0 takes it away.")
		}
	}
}
