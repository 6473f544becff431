package kept

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/paraph/paraph/internal/blob/s3test"
	"github.com/paraph/paraph/internal/e2e/programtest"
)

// count reads one number, past the program.
func (h *house) count(query string) (n int) {
	h.Helper()
	if h.Database != "" {
		c, err := pgx.Connect(context.Background(), h.Database)
		if err != nil {
			h.Fatal(err)
		}
		defer c.Close(context.Background())
		if err := c.QueryRow(context.Background(), query).Scan(&n); err != nil {
			h.Fatal(err)
		}
		return n
	}
	db, err := sql.Open("sqlite", filepath.Join(h.Data, "paraph.db"))
	if err != nil {
		h.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		h.Fatal(err)
	}
	return n
}

// files names the objects that are stored.
func (h *house) files() (names []string) {
	h.Helper()
	for _, v := range h.Env {
		if address, ok := strings.CutPrefix(v, "PARAPH_BLOBS=s3://"); ok {
			return h.objects(address)
		}
	}
	names, err := filepath.Glob(filepath.Join(h.Data, "blobs", "*", "blb_*"))
	if err != nil {
		h.Fatal(err)
	}
	return names
}

// objects lists a bucket.
func (h *house) objects(address string) (names []string) {
	h.Helper()
	u, err := url.Parse("s3://" + address)
	if err != nil {
		h.Fatal(err)
	}
	client := s3.New(s3.Options{BaseEndpoint: aws.String(u.Query().Get("endpoint")), Region: s3test.Region, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: s3test.AccessKey, SecretAccessKey: s3test.SecretKey}, nil
		})})
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &u.Host, Prefix: aws.String(strings.Trim(u.Path, "/") + "/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			h.Fatal(err)
		}
		for _, o := range page.Contents {
			if strings.Contains(*o.Key, "/blb_") {
				names = append(names, *o.Key)
			}
		}
	}
	return names
}

// textPDF makes a small PDF of one page of real text.
func textPDF(line string) []byte {
	content := fmt.Sprintf("BT /F1 12 Tf 72 760 Td (%s, in plain words.) Tj ET\n", line)
	return programtest.TextPDF(content)
}
