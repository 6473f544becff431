package certificate

import ("testing";"os";"path/filepath";"strings";"fmt"; "bytes"
"github.com/paraph/paraph/internal/pdf/pdfa"
"github.com/paraph/paraph/pades/pdffile")

func TestVa(t *testing.T) {
	os.MkdirAll("/tmp/va", 0o755)
	n, ok := 0, 0
	counts := map[string]int{}
	filepath.WalkDir("/work/shared/data", func(p string, d os.DirEntry, err error) error {
		if d.IsDir() || !strings.HasSuffix(p, ".pdf") { return nil }
		b, _ := os.ReadFile(p)
		f, err := pdffile.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil { return nil }
		if err := f.Check(); err != nil { return nil }
		n++
		var out bytes.Buffer
		made, err := Append(f, sample(), []pdfa.File{{Name: "evidence.json", MediaType: "application/json", Relationship: "Supplement", Data: []byte("{}")}}, lib, &out)
		if err != nil { t.Log(p, err); return nil }
		if made.Level != "" { ok++; os.WriteFile("/tmp/va/"+strings.TrimSuffix(filepath.Base(p), ".pdf")+"."+made.Level[len(made.Level)-2:]+".pdf", out.Bytes(), 0o644) } else { counts[fmt.Sprint(made.Reasons)]++; fmt.Println(filepath.Base(p), made.Reasons) }
		return nil
	})
	t.Log(n, ok)
}
