package io.github.paraph;

import java.time.Duration;

/** Changes one call. */
public final class CallOptions {
  /** Told how many bytes of a file have gone or come, and of how many; -1 where nobody knows that. */
  @FunctionalInterface
  public interface Progress {
    /** Called for each piece. */
    void moved(long done, long total);
  }

  static final CallOptions NONE = new CallOptions();

  String idempotencyKey;
  Duration wait = Duration.ZERO;
  String ack;
  String ifMatch;
  Progress progress = (done, total) -> {};

  /** Names a writing call, for callers that keep their keys over a restart. One key serves one call. */
  public CallOptions idempotencyKey(String key) {
    this.idempotencyKey = key;
    return this;
  }

  /** How long the server may hold its answer back until the work has ended; 60 seconds at most. */
  public CallOptions wait(Duration wait) {
    this.wait = wait;
    return this;
  }

  /** Hold the answer back until the change stands in the log: checkpointed or witnessed. */
  public CallOptions ack(String level) {
    this.ack = level;
    return this;
  }

  /** A change happens only to what still has this ETag. */
  public CallOptions ifMatch(String etag) {
    this.ifMatch = etag;
    return this;
  }

  /** Told of each piece of a file. */
  public CallOptions onProgress(Progress progress) {
    this.progress = progress;
    return this;
  }
}
