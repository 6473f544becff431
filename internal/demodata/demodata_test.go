package demodata

import (
	"bytes"
	"flag"
	"image"
	"image/jpeg"
	"os"
	"testing"

	"github.com/paraph/paraph/internal/demodata/draw"
)

var update = flag.Bool("update", false, "Draw the files anew.")

// TestFilesAreAsDrawn compares the committed files with fresh drawings. Rounding
// differs between processors and encoders between Go releases, so pictures are
// compared, not bytes.
func TestFilesAreAsDrawn(t *testing.T) {
	t.Parallel()
	order, err := draw.PurchaseOrder()
	if err != nil {
		t.Fatal(err)
	}
	photo, err := draw.DeliveryPhoto()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		for name, data := range map[string][]byte{"files/purchase-order.pdf": order, "files/delivery-note.jpg": photo} {
			if err := os.WriteFile(name, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	was, now := pictures(t, PurchaseOrder()), pictures(t, order)
	if len(was) != len(Truth.PurchaseOrder) || len(now) != len(was) {
		t.Fatalf("the order has %d pages, drawn anew %d, want %d", len(was), len(now), len(Truth.PurchaseOrder))
	}
	for i := range was {
		same(t, was[i], now[i])
	}
	same(t, pictures(t, DeliveryPhoto())[0], pictures(t, photo)[0])
	if size := len(order) + len(photo); size > 1_500_000 {
		t.Errorf("the files have %d bytes, more than a checkout should carry", size)
	}
}

func TestCallersOwnTheBytes(t *testing.T) {
	t.Parallel()
	a := DeliveryPhoto()
	a[0] = 0
	if DeliveryPhoto()[0] == 0 {
		t.Error("a caller changed the file of the next")
	}
}

// pictures finds and decodes every JPEG in a file.
func pictures(t *testing.T, file []byte) (out []image.Image) {
	t.Helper()
	for {
		i := bytes.Index(file, []byte{0xff, 0xd8, 0xff})
		if i < 0 {
			return out
		}
		r := bytes.NewReader(file[i:])
		img, err := jpeg.Decode(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, img)
		end := bytes.Index(file[i:], []byte{0xff, 0xd9})
		file = file[i+end+2:]
	}
}

func same(t *testing.T, a, b image.Image) {
	t.Helper()
	if a.Bounds() != b.Bounds() {
		t.Fatalf("sizes differ: %v and %v", a.Bounds(), b.Bounds())
	}
	sum, n := 0, 0
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y += 3 {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x += 3 {
			p, _, _, _ := a.At(x, y).RGBA()
			q, _, _, _ := b.At(x, y).RGBA()
			sum += max(int(p)-int(q), int(q)-int(p)) >> 8
			n++
		}
	}
	if mean := float64(sum) / float64(n); mean > 2 {
		t.Errorf("the pictures differ by %.1f levels on average", mean)
	}
}
