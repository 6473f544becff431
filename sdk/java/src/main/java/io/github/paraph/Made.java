package io.github.paraph;

/**
 * What became of an upload in pieces, once the file was whole.
 *
 * @param documentId of the document that was made
 * @param operationId of the operation that reads the file
 */
public record Made(String documentId, String operationId) {}
