package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/fault"
)

// newClient makes the library's client with our own transport: no proxy taken
// from the environment, no redirects, time limits on each step. The library
// makes one attempt; try makes the others, since it also has to repeat the
// reading of an answer's body.
func newClient(o Options) (*s3.Client, error) {
	if o.AccessKey == "" || o.SecretKey == "" {
		return nil, errors.New("an access key and a secret key are needed")
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, err
		}
		if trust.RootCAs, err = x509.SystemCertPool(); err != nil {
			trust.RootCAs = x509.NewCertPool()
		}
		if !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", o.CAFile)
		}
	}
	dialer := &net.Dialer{Timeout: min(10*time.Second, o.Timeout)}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: trust, TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
	}
	noRedirects := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	so := s3.Options{
		Region: o.Region, UsePathStyle: o.PathStyle, Retryer: aws.NopRetryer{}, ContinueHeaderThresholdBytes: -1,
		HTTPClient: &http.Client{Transport: transport, CheckRedirect: noRedirects},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: o.AccessKey, SecretAccessKey: o.SecretKey, SessionToken: o.SessionToken}, nil
		}),
		// Uploads carry a CRC32C that we compute while the bytes pass; objects read
		// are authenticated by their encryption.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if o.Endpoint != "" {
		so.BaseEndpoint = aws.String(strings.TrimRight(o.Endpoint, "/"))
	}
	return s3.New(so), nil
}

// bodyOptions are those of requests that carry much: under TLS the bytes are
// protected on the way and by the signed CRC32C, so that their SHA-256 need not
// be computed beside it. Without TLS it is.
func (s *Store) bodyOptions(o *s3.Options) {
	if !strings.HasPrefix(s.o.Endpoint, "http:") {
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	}
}

// try makes a request, a few times where the store does not answer or asks to
// come again, and waits longer each time, by chance up to twice as long, so that
// many callers don't come back at once. No attempt begins after twice the time
// limit of one, so all of them end within three. The end of ctx is given as it is.
func (s *Store) try(ctx context.Context, request func(context.Context) error) error {
	wait, begun := s.o.Backoff, time.Now()
	for attempt := 1; ; attempt++ {
		err := s.once(ctx, s.o.Timeout, request)
		if err == nil || ctx.Err() != nil || attempt >= s.o.Attempts || time.Since(begun) > 2*s.o.Timeout || !worthAgain(err) {
			return err
		}
		timer := time.NewTimer(wait + rand.N(wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		wait *= 2
	}
}

// once makes a request with a time limit.
func (s *Store) once(ctx context.Context, limit time.Duration, request func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := request(limited)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// statusOf gives the status of the answer that an error is about, 0 where there
// was no answer.
func statusOf(err error) int {
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// codeOf gives the code of S3's error, "" where there is none.
func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// worthAgain tells whether another attempt may succeed: the network, a time
// limit, an answer that was cut, a busy or failing store. After a complaint
// about the time, the library signs with the store's clock.
func worthAgain(err error) bool {
	switch codeOf(err) {
	case "RequestTimeTooSkewed", "RequestTimeout", "SlowDown", "ConditionalRequestConflict", "OperationAborted":
		return true
	}
	switch status := statusOf(err); {
	case status == http.StatusNotImplemented, status == http.StatusInsufficientStorage:
		return false
	case status >= 500, status < 300, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return true
	}
	return false
}

// needsPerson tells whether a refusal ends only when a person changes something:
// credentials, rights, the bucket's name, the region.
func needsPerson(err error) bool {
	status := statusOf(err)
	return status >= 300 && status < 500 && !worthAgain(err) && !isFull(err)
}

// fullCodes are those of a store without space, or whose quota is used up.
var fullCodes = []string{"QuotaExceeded", "QuotaExceededException", "InsufficientStorage", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "StorageFull"}

func isFull(err error) bool {
	return slices.Contains(fullCodes, codeOf(err)) || statusOf(err) == http.StatusInsufficientStorage ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// faultOf turns an error of the library into a fault of package blob.
func faultOf(err error) error {
	var already *fault.Fault
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.As(err, &already):
		return err
	case isFull(err):
		return blob.Full(err)
	case statusOf(err) == http.StatusPreconditionFailed:
		return blob.ErrExists
	}
	switch codeOf(err) {
	case "NoSuchKey", "NotFound", "NoSuchVersion": // HEAD has no body, so it says NotFound
		return blob.ErrNotFound
	}
	return blob.Away(err)
}
