package io.github.paraph;

/** A request got no answer, or half of one. */
public class NoAnswerException extends ParaphException {
  NoAnswerException(String message) {
    super(message);
  }

  NoAnswerException(String message, Throwable cause) {
    super(message, cause);
  }
}
