package io.github.paraph;

/** A file arrived with another SHA-256 than the server announced. */
public class DigestException extends ParaphException {
  DigestException(String message) {
    super(message);
  }

  DigestException(String message, Throwable cause) {
    super(message, cause);
  }
}
