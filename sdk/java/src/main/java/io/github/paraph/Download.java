package io.github.paraph;

/**
 * What is known of a file that was fetched.
 *
 * @param fileName at the server; may be null
 * @param sha256 of the bytes written, in hexadecimal
 * @param size in bytes
 */
public record Download(String fileName, String sha256, long size) {}
