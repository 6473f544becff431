package signpage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net/http"
)

// VerifyPath is where the page lies to which the code on a certificate of
// completion leads: how anyone can check a sealed file, and with what.
const VerifyPath = "/verify"

// verifyModel is what that page shows beside its words.
type verifyModel struct {
	Root string // SHA-256 of the root certificate, as readers show it; "" where there is none
	Key  string // verifier key of the log
}

func (s *site) verify(w http.ResponseWriter, r *http.Request) {
	words := wordsFor(r.Header.Get("Accept-Language"))
	shown := &verifyModel{Key: s.LogKey}
	if block, _ := pem.Decode(s.CAPEM); block != nil {
		sum := sha256.Sum256(block.Bytes)
		shown.Root = hex.EncodeToString(sum[:])
	}
	s.render(w, r, http.StatusOK, &model{W: words, Kind: "verify", Title: words.CheckTitle, Check: shown})
}
