package io.github.paraph;

/** Anything this SDK throws by itself. */
public class ParaphException extends RuntimeException {
  ParaphException(String message) {
    super(message);
  }

  ParaphException(String message, Throwable cause) {
    super(message, cause);
  }
}
