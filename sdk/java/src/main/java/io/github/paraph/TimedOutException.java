package io.github.paraph;

/** The other side was silent for longer than the timeout. */
public class TimedOutException extends NoAnswerException {
  TimedOutException(String message) {
    super(message);
  }

  TimedOutException(String message, Throwable cause) {
    super(message, cause);
  }
}
