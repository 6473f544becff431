package io.github.paraph;

import io.github.paraph.model.Operation;

/** An operation ended without its result. */
public class OperationFailedException extends ParaphException {
  private final transient Operation operation;

  OperationFailedException(Operation operation) {
    super("the " + operation.kind() + " of " + operation.documentId() + " failed: " + operation.reason() + " (" + operation.code() + ")");
    this.operation = operation;
  }

  /** The operation as it ended. */
  public Operation operation() {
    return operation;
  }
}
