package contract

import "strings"

// handover makes exports of a unit, and imports of what is no archive: each has its end,
// since of one unit only one runs at a time.
func (w *world) handover(g ground, unit string) {
	at := func(name, id string) place { return place{Path: map[string]string{"name": name, "id": id}} }
	begun := func(name, what string, body []byte, header ...string) string {
		w.make("/v1/business-units", object{"name": name})
		a, err := w.Do("POST", "/v1/business-units/"+name+"/"+what, body, append([]string{"Prefer", "wait=60"}, header...)...)
		must(w.t, err)
		if a.Status != 200 {
			w.t.Fatalf("%s of %s: %d %s", what, name, a.Status, a.Body)
		}
		where := a.Header.Get("Location")
		return where[strings.LastIndexByte(where, '/')+1:]
	}
	fresh := "moving-" + unit
	w.make("/v1/business-units", object{"name": fresh})
	g.add(place{Path: map[string]string{"name": fresh}}, "exportBusinessUnit", "importBusinessUnit")
	out, in := "out-of-"+unit, "into-"+unit
	id := begun(out, "exports", nil)
	g.add(at(out, id), "getUnitExport", "getUnitExportArchive")
	g.add(place{Path: map[string]string{"name": out}}, "listUnitExports")
	g.add(at(out+"-end", begun(out+"-end", "exports", nil)), "endUnitExport")
	id = begun(in, "imports", []byte("no archive"), "Content-Type", "application/zip")
	g.add(at(in, id), "getUnitImport", "listImportedDocuments")
	g.add(place{Path: map[string]string{"name": in}}, "listUnitImports")
	g.add(at(in+"-end", begun(in+"-end", "imports", []byte("no archive"), "Content-Type", "application/zip")), "endUnitImport")
}
