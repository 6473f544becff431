package tsl

import (
	"crypto/x509"
	"encoding/hex"

	"github.com/paraph/paraph/pades/internal/xmlsig"
)

// EULocation is where the European Commission publishes its list of the lists.
const EULocation = "https://ec.europa.eu/tools/lotl/eu-lotl.xml"

// EUSigners accepts those who may sign the European list of the lists, by the SHA-256
// of their certificates, as the Official Journal names them (C/2026/1944 of 15 April
// 2026). The lists name their successors. Whoever relies on it compares them with
// the Journal, or gives signers of their own.
var EUSigners = Fingerprints(euSigners...)

var euSigners = func() (list [][32]byte) {
	for _, text := range []string{
		"c0641c4f7d56c431b1c924742db7fce9c1eef7d7fd212113a2768486b3abcdc5",
		"e0a620fbb6747362bb933ac44169d676a553444716cf5f31605f12a22b8396b1",
		"df7e29360c34b2b8d6d5f40325c1d4d12c9922cecd33b7407674a74b2b3ca1e5",
		"b63d416744e7098bf9ec2caa596a93bc2468e37f8284ba65ecc061711bcbaa18",
		"236103f03a8031ae8f47f9059bf8de38564cdbfebedde4a597d50f8980aa653b",
		"d2064fdd70f6982dcc516b86d9d5c56aea939417c624b2e478c0b29de54f8474",
	} {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) != 32 {
			panic("tsl: a fingerprint is mistyped: " + text)
		}
		list = append(list, [32]byte(b))
	}
	return list
}()

// errOtherSigner: a list is signed by somebody who is not accepted.
var errOtherSigner = xmlsig.ErrSigner

func anybody(*x509.Certificate) bool { return true }
