package pdffont

// script says which fonts write a script, by the beginnings of their files'
// names, best first, and which Debian package brings the first of them.
type script struct {
	tag     string // ISO 15924
	name    string // for people, and in the names of Noto's fonts
	files   []string
	debian  string
	preview rune // a letter of it
}

const (
	notoCore = "fonts-noto-core"
	notoCJK  = "fonts-noto-cjk"
)

// scripts are those in which people's names are written today. A script that
// is not here is looked for in all fonts there are.
var scripts = []script{
	{"Arab", "Arabic", []string{"NotoSansArabic-Regular", "NotoSansArabic[", "NotoNaskhArabic-Regular", "Amiri-Regular", "DejaVuSans."}, notoCore, 'م'},
	{"Armn", "Armenian", []string{"NotoSansArmenian-Regular", "NotoSansArmenian[", "DejaVuSans."}, notoCore, 'Մ'},
	{"Beng", "Bengali", []string{"NotoSansBengali-Regular", "NotoSansBengali[", "Lohit-Bengali"}, notoCore, 'ম'},
	{"Cans", "Canadian Aboriginal", []string{"NotoSansCanadianAboriginal-Regular", "NotoSansCanadianAboriginal[", "DejaVuSans."}, notoCore, 'ᒪ'},
	{"Cher", "Cherokee", []string{"NotoSansCherokee-Regular", "NotoSansCherokee["}, notoCore, 'Ꮉ'},
	{"Cyrl", "Cyrillic", []string{"NotoSans-Regular", "NotoSans[", "DejaVuSans."}, notoCore, 'М'},
	{"Deva", "Devanagari", []string{"NotoSansDevanagari-Regular", "NotoSansDevanagari[", "Lohit-Devanagari"}, notoCore, 'म'},
	{"Ethi", "Ethiopic", []string{"NotoSansEthiopic-Regular", "NotoSansEthiopic["}, notoCore, 'መ'},
	{"Geor", "Georgian", []string{"NotoSansGeorgian-Regular", "NotoSansGeorgian[", "DejaVuSans."}, notoCore, 'მ'},
	{"Grek", "Greek", []string{"NotoSans-Regular", "NotoSans[", "DejaVuSans."}, notoCore, 'Μ'},
	{"Gujr", "Gujarati", []string{"NotoSansGujarati-Regular", "NotoSansGujarati[", "Lohit-Gujarati"}, notoCore, 'મ'},
	{"Guru", "Gurmukhi", []string{"NotoSansGurmukhi-Regular", "NotoSansGurmukhi[", "Lohit-Gurmukhi"}, notoCore, 'ਮ'},
	{"Hang", "Hangul", []string{"NotoSansCJK-Regular.ttc#1", "NotoSansCJKkr-Regular", "NotoSansKR", "NanumGothic.", "UnDotum."}, notoCJK, '가'},
	{"Hani", "Han", []string{"NotoSansCJK-Regular.ttc#2", "NotoSansCJKsc-Regular", "NotoSansSC", "NotoSansCJKjp-Regular", "wqy-zenhei", "DroidSansFallbackFull", "ipag.", "VL-Gothic-Regular"}, notoCJK, '山'},
	{"Hant", "Han (traditional)", []string{"NotoSansCJK-Regular.ttc#3", "NotoSansCJKtc-Regular", "NotoSansTC"}, notoCJK, '山'},
	{"Hebr", "Hebrew", []string{"NotoSansHebrew-Regular", "NotoSansHebrew[", "DejaVuSans."}, notoCore, 'מ'},
	{"Jpan", "Japanese", []string{"NotoSansCJK-Regular.ttc#0", "NotoSansCJKjp-Regular", "NotoSansJP", "ipag.", "VL-Gothic-Regular", "DroidSansFallbackFull"}, notoCJK, 'か'},
	{"Khmr", "Khmer", []string{"NotoSansKhmer-Regular", "NotoSansKhmer["}, notoCore, 'ម'},
	{"Knda", "Kannada", []string{"NotoSansKannada-Regular", "NotoSansKannada[", "Lohit-Kannada"}, notoCore, 'ಮ'},
	{"Laoo", "Lao", []string{"NotoSansLao-Regular", "NotoSansLao[", "DejaVuSans."}, notoCore, 'ມ'},
	{"Latn", "Latin", []string{"NotoSans-Regular", "NotoSans[", "DejaVuSans."}, notoCore, 'M'},
	{"Mlym", "Malayalam", []string{"NotoSansMalayalam-Regular", "NotoSansMalayalam[", "Lohit-Malayalam"}, notoCore, 'മ'},
	{"Mong", "Mongolian", []string{"NotoSansMongolian-Regular", "NotoSansMongolian["}, notoCore, 'ᠮ'},
	{"Mymr", "Myanmar", []string{"NotoSansMyanmar-Regular", "NotoSansMyanmar["}, notoCore, 'မ'},
	{"Orya", "Oriya", []string{"NotoSansOriya-Regular", "NotoSansOriya[", "Lohit-Odia"}, notoCore, 'ମ'},
	{"Sinh", "Sinhala", []string{"NotoSansSinhala-Regular", "NotoSansSinhala["}, notoCore, 'ම'},
	{"Syrc", "Syriac", []string{"NotoSansSyriac-Regular", "NotoSansSyriac["}, notoCore, 'ܡ'},
	{"Taml", "Tamil", []string{"NotoSansTamil-Regular", "NotoSansTamil[", "Lohit-Tamil"}, notoCore, 'ம'},
	{"Telu", "Telugu", []string{"NotoSansTelugu-Regular", "NotoSansTelugu[", "Lohit-Telugu"}, notoCore, 'మ'},
	{"Thaa", "Thaana", []string{"NotoSansThaana-Regular", "NotoSansThaana["}, notoCore, 'މ'},
	{"Thai", "Thai", []string{"NotoSansThai-Regular", "NotoSansThai[", "Garuda.", "Loma."}, notoCore, 'ม'},
	{"Tibt", "Tibetan", []string{"NotoSerifTibetan-Regular", "NotoSerifTibetan["}, notoCore, 'མ'},
}

func scriptOf(tag string) (script, bool) {
	for _, s := range scripts {
		if s.tag == tag {
			return s, true
		}
	}
	return script{}, false
}
