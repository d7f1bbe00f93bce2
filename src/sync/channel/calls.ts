/** What services between nodes have in common. */
import { type ServerWritableStream, status } from '@grpc/grpc-js';

/** Resolves once a stream takes more, or is gone. */
export function drained(call: ServerWritableStream<unknown, unknown>): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      call.off('drain', go);
      call.off('close', go);
      resolve();
    };
    call.once('drain', go);
    call.once('close', go);
  });
}

/** Resolves once a message has left, or the stream is gone. */
export function written<Message>(
  call: ServerWritableStream<unknown, Message>,
  message: Message,
): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      call.off('close', go);
      resolve();
    };
    call.once('close', go);
    call.write(message, go);
  });
}

/** The refusal of a request in a format that this node does not speak; undefined: it does. */
export function unknownFormat(
  format: number,
  own: number,
): { code: status; details: string } | undefined {
  if (format === own) return undefined;
  const details = `format ${format}: this node speaks ${own}`;
  return { code: status.FAILED_PRECONDITION, details };
}
