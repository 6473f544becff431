package io.github.paraph;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A file to send. One of a path or of bytes is sent again where the connection breaks, a stream is sent once.
 *
 * @param content opens it
 * @param size in bytes; -1: unknown
 * @param once it can be opened a single time
 * @param name of the file, for people; null: none
 * @param mediaType of the file
 */
public record Source(Opening content, long size, boolean once, String name, String mediaType) {
  /** Opens a file, from its beginning. */
  @FunctionalInterface
  public interface Opening {
    /** Opens it. */
    InputStream open() throws IOException;
  }

  /** A file on disk. */
  public static Source of(Path path, String mediaType) throws IOException {
    return new Source(() -> Files.newInputStream(path), Files.size(path), false, path.getFileName().toString(), mediaType);
  }

  /** A file in memory. */
  public static Source of(byte[] bytes, String name, String mediaType) {
    return new Source(() -> new ByteArrayInputStream(bytes), bytes.length, false, name, mediaType);
  }

  /** A stream that can be read a single time. */
  public static Source once(InputStream stream, String name, String mediaType) {
    return new Source(() -> stream, -1, true, name, mediaType);
  }

  /** The same under another name. */
  public Source named(String name) {
    return new Source(content, size, once, name, mediaType);
  }
}
