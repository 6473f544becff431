package io.github.paraph;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/** One call over all its attempts. */
final class Attempts {
  private static final Duration MOST_BACKOFF = Duration.ofSeconds(10);
  /** The longest the client waits because a server asks for it. Who is told to come later gets the refusal at once. */
  private static final Duration MOST_RETRY_AFTER = Duration.ofSeconds(60);
  private static final Set<Integer> AGAIN = Set.of(429, 502, 503, 504);

  final Call call;
  final CallOptions options;
  final Map<String, String> headers = new LinkedHashMap<>();
  /** The body can be read a single time, and was. */
  boolean spent;
  /** The caller's own source failed, which no repeat can mend. */
  volatile Exception sourceFault;
  private final Transport transport;
  private int attempt;
  private boolean renewed;
  private int nonces;

  Attempts(Transport transport, Call call, CallOptions options) {
    this.transport = transport;
    this.call = call;
    this.options = options;
    if (!call.method.equals("GET") && !call.method.equals("HEAD")) {
      headers.put("Idempotency-Key", options.idempotencyKey != null ? options.idempotencyKey : UUID.randomUUID().toString());
    }
    String prefer = options.wait.isZero() ? "" : "wait=" + Math.min(options.wait.toSeconds(), 60);
    if (options.ack != null) prefer += (prefer.isEmpty() ? "" : ", ") + "ack=" + options.ack;
    if (!prefer.isEmpty()) headers.put("Prefer", prefer);
    if (options.ifMatch != null) headers.put("If-Match", options.ifMatch);
  }

  /** Waits until the next attempt may be made, or throws what ended the last one. moved: it brought something that counts. */
  void failed(ParaphException err, boolean moved) {
    if (sourceFault != null) throw new ParaphException("the file could not be read: " + sourceFault.getMessage(), sourceFault);
    if (moved) attempt = 0;
    Duration wait = delay(err);
    if (spent || wait == null) throw err;
    Transport.pause(wait);
  }

  /** How long to wait before the next attempt; null: there is none. */
  private Duration delay(ParaphException err) {
    Problem problem = err instanceof Problem p ? p : null;
    if (problem != null && problem.status() == 401) {
      if (problem.wantsNonce && nonces < 2) {
        nonces++;
        return Duration.ZERO;
      }
      if (!problem.token.isEmpty() && !renewed) {
        transport.tokens.forget(problem.token);
        renewed = true;
        return Duration.ZERO;
      }
    }
    boolean again = problem != null ? AGAIN.contains(problem.status()) && problem.retryAfter().compareTo(MOST_RETRY_AFTER) <= 0 : err instanceof NoAnswerException;
    if (attempt >= transport.config.retries || !again) return null;
    long most = Math.min(transport.config.backoff.toMillis() << Math.min(attempt, 10), MOST_BACKOFF.toMillis());
    Duration wait = Duration.ofMillis(most / 2 + ThreadLocalRandom.current().nextLong(most / 2 + 1));
    attempt++;
    return problem != null && problem.retryAfter().compareTo(wait) > 0 ? problem.retryAfter() : wait;
  }
}
