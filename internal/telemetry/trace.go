package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

const scope = "github.com/paraph/paraph"

// Tracing starts spans. Without an endpoint it starts none and costs nothing,
// but traceparents still pass through from request to job.
type Tracing struct {
	provider trace.TracerProvider
	shutdown func(context.Context) error
	w3c      propagation.TraceContext
}

// NewTracing sends spans to an OpenTelemetry collector at endpoint, a URL; ""
// for none.
func NewTracing(ctx context.Context, endpoint, version string) (*Tracing, error) {
	if endpoint == "" {
		return &Tracing{provider: noop.NewTracerProvider(), shutdown: func(context.Context) error { return nil }}, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, fmt.Errorf("the trace exporter: %w", err)
	}
	t := newTracing(sdktrace.WithBatcher(exporter), version)
	// The HTTP edge and libraries find the provider and the traceparent header
	// through OpenTelemetry's own globals.
	otel.SetTracerProvider(t.provider)
	otel.SetTextMapPropagator(t.w3c)
	return t, nil
}

// newTracing makes a Tracing with any exporter, for tests too.
func newTracing(export sdktrace.TracerProviderOption, version string) *Tracing {
	p := sdktrace.NewTracerProvider(export, sdktrace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "paraph"), attribute.String("service.version", version))))
	return &Tracing{provider: p, shutdown: p.Shutdown}
}

// Provider is handed to the HTTP edge.
func (t *Tracing) Provider() trace.TracerProvider { return t.provider }

// Close sends what is left, within a few seconds.
func (t *Tracing) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return t.shutdown(ctx)
}

// Inject gives the traceparent of the span in ctx, to be kept in a journal
// entry; "" where there is none.
func (t *Tracing) Inject(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	t.w3c.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// Extract puts the remote span of a traceparent into ctx.
func (t *Tracing) Extract(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return t.w3c.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}

// Job starts the span of a job under the request that caused it. end closes it.
func (t *Tracing) Job(ctx context.Context, traceparent, name string) (context.Context, func(error)) {
	ctx, span := t.provider.Tracer(scope).Start(t.Extract(ctx, traceparent), name, trace.WithSpanKind(trace.SpanKindConsumer))
	return ctx, func(err error) {
		if err != nil && !errors.Is(err, context.Canceled) {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}
