package io.github.paraph;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** Ends an attempt that nothing moves for a while. */
final class Watch implements AutoCloseable {
  private static final ScheduledExecutorService TIMER = Executors.newSingleThreadScheduledExecutor(task -> {
    Thread thread = new Thread(task, "paraph-watch");
    thread.setDaemon(true);
    return thread;
  });

  private final long patience; // nanoseconds
  private final ScheduledFuture<?> check;
  private volatile long moved = System.nanoTime();
  private volatile boolean silent;
  private Future<?> exchange;
  private InputStream body;

  Watch(Duration patience) {
    this.patience = patience.toNanos();
    long every = Math.max(this.patience / 8, 1_000_000);
    check = TIMER.scheduleWithFixedDelay(this::look, every, every, TimeUnit.NANOSECONDS);
  }

  private void look() {
    if (System.nanoTime() - moved < patience) return;
    silent = true;
    check.cancel(false);
    end();
  }

  private synchronized void end() {
    if (exchange != null) exchange.cancel(true);
    try {
      if (body != null) body.close(); // whoever reads from it is woken
    } catch (IOException err) {
      // it is to end, and has ended
    }
  }

  /** What is ended where nothing moves. */
  synchronized void watch(Future<?> exchange) {
    this.exchange = exchange;
  }

  /** The answer's body, under the watch. */
  synchronized InputStream watch(InputStream answer) {
    body = answer;
    moved();
    return new InputStream() {
      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] to, int from, int length) throws IOException {
        int n = answer.read(to, from, length);
        moved();
        if (n < 0 && silent) throw new IOException("silence");
        return n;
      }
    };
  }

  void moved() {
    moved = System.nanoTime();
  }

  /** Says what an attempt ended with. */
  ParaphException why(Throwable err) {
    if (silent) return new TimedOutException("the server was silent for too long");
    return new NoAnswerException("no whole answer: " + err.getMessage(), err);
  }

  /** Ends the attempt, and frees what was not read. */
  @Override
  public void close() {
    check.cancel(false);
    end();
  }
}
