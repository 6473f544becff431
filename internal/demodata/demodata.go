// Package demodata holds the inputs of `paraph demo`: a purchase order as a
// scanner delivers it and a delivery note as a phone takes it, with the words
// that must be readable on every page. All companies and people are invented.
//
// The files are drawn by internal/demodata/draw; `go generate` draws them anew.
package demodata

import _ "embed" // the two files

//go:generate go test -run TestFilesAreAsDrawn -update .

//go:embed files/purchase-order.pdf
var purchaseOrder []byte

//go:embed files/delivery-note.jpg
var deliveryPhoto []byte

// PurchaseOrder gives an image-only PDF of four scanned A4 pages, gray, 200 dpi:
// slightly skew, with noise. Page 3 is blank but for grain and specks; page 4
// lies on its side in the scan, and no /Rotate tells so. The bytes are the
// caller's.
func PurchaseOrder() []byte { return append([]byte(nil), purchaseOrder...) }

// DeliveryPhoto gives a JPEG photo of a delivery note: in perspective, unevenly
// lit, stored on its side with EXIF orientation 6. The bytes are the caller's.
func DeliveryPhoto() []byte { return append([]byte(nil), deliveryPhoto...) }

// Page is what is known of one page.
type Page struct {
	Number  int      // counted from 1
	Phrases []string // each must be found in the page's text, blanks normalised
	Blank   bool     // nothing is written on it
	Turned  bool     // the writing lies on its side in the picture
}

// Truth is what a reader sees on the pages of both files.
var Truth = struct {
	PurchaseOrder []Page
	DeliveryPhoto []Page
}{
	PurchaseOrder: []Page{
		{Number: 1, Phrases: []string{
			"Purchase Order", "PO-2026-0417", "Tidewater Joinery", "Larkfield Timber Supply",
			"Oak boards, kiln dried", "Brass butt hinges", "Total EUR 12,345.60",
		}},
		{Number: 2, Phrases: []string{
			"Terms of this order", "Delivery is free to our yard", "Invoices are paid within thirty days",
			"Approved by two members of the board",
		}},
		{Number: 3, Blank: true},
		{Number: 4, Turned: true, Phrases: []string{
			"Delivery schedule", "Week", "Bay three", "Unloading takes about forty minutes", "Harbour gate",
		}},
	},
	DeliveryPhoto: []Page{
		{Number: 1, Phrases: []string{
			"Delivery Note", "DN-88213", "Larkfield Timber Supply", "Received in good order", "Oak boards",
		}},
	},
}
