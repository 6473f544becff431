package ca

import (
	"bufio"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// revokedFile lists what the root has revoked: a line for each certificate, with
	// its serial number in hexadecimal and the time of the revocation (RFC 3339).
	revokedFile = "revoked.txt"
	// listLasts is how long a list says that it will do.
	listLasts = 7 * 24 * time.Hour
)

// ErrNoList: the root is somebody else's, who tells by himself what he revoked.
var ErrNoList = errors.New("the root is not of this authority")

// List makes a list of the certificates that the root has revoked (RFC 5280, 5),
// as of now. It is what proves, years later, that the seal's certificate was good.
func (a *Authority) List(now time.Time) ([]byte, error) {
	if a.rootKey == nil {
		return nil, ErrNoList
	}
	revoked, err := a.revoked()
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Second)
	return x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(now.Unix()), ThisUpdate: now, NextUpdate: now.Add(listLasts), RevokedCertificateEntries: revoked,
	}, a.own, a.rootKey)
}

// revoked reads the file with what was revoked; without it nothing was.
func (a *Authority) revoked() (out []x509.RevocationListEntry, err error) {
	path := filepath.Join(filepath.Dir(a.Files.RootKey), revokedFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		serial, ok := new(big.Int).SetString(strings.ReplaceAll(fields[0], ":", ""), 16)
		if !ok || len(fields) != 2 {
			return nil, fmt.Errorf("%s: line %d is no serial number and time", path, n)
		}
		at, err := time.Parse(time.RFC3339, fields[1])
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		out = append(out, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: at.UTC()})
	}
	return out, lines.Err()
}
