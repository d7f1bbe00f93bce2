/**
 * Responses with long lists. Encoding one in a single go would hold the event loop for as long as the
 * list is long; here it is done in pieces, with turns of the event loop between. A message is the
 * concatenation of its pieces (protobuf's encoding of repeated fields).
 */
import type { ServiceDefinition } from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import { turn } from '../slices.js';
import { apiDefinition } from './definition.js';

/** A response that is bytes already, those of a `Message`. */
export class Encoded<Message> {
  readonly bytes: Buffer;
  /** For the compiler alone: bytes of one message do not answer for another. */
  declare readonly of: Message;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** Elements encoded at once: a few milliseconds. */
const PIECE = 1024;
const LENGTH_DELIMITED = 2;

/** Lets methods respond with what `encodeLong` and `encodeLongPart` give. */
export function acceptEncoded<S extends ServiceDefinition>(service: S): S {
  const methods = Object.entries(service).map(([name, method]) => {
    const { responseSerialize } = method;
    const either = (response: object) =>
      response instanceof Encoded ? response.bytes : responseSerialize(response);
    return [name, { ...method, responseSerialize: either }];
  });
  return Object.fromEntries(methods) as S;
}

/** The message, with its long repeated `field` in pieces. @param type short name of the message */
export async function encodeLong<T extends object>(
  type: string,
  message: T,
  field: keyof T & string,
): Promise<Encoded<T>> {
  return new Encoded(await inPieces(type, message, field));
}

/** The message whose `part`, field `number` of type `partType`, has the long repeated `field`. */
export async function encodeLongPart<T extends object>(
  type: string,
  message: T,
  part: { name: keyof T & string; type: string; number: number; field: string },
): Promise<Encoded<T>> {
  const { [part.name]: inner, ...rest } = message;
  const bytes = await inPieces(part.type, inner as Record<string, unknown>, part.field);
  const writer = protobuf.Writer.create();
  writer.uint32((part.number << 3) | LENGTH_DELIMITED).uint32(bytes.length);
  const whole = [encode(type, rest), Buffer.from(writer.finish()), bytes];
  return new Encoded(Buffer.concat(whole));
}

async function inPieces<T extends object>(
  type: string,
  message: T,
  field: keyof T & string,
): Promise<Buffer> {
  const { [field]: list, ...rest } = message;
  const pieces = [encode(type, rest)];
  const all = (list ?? []) as readonly unknown[];
  for (let from = 0; from < all.length; from += PIECE) {
    if (from > 0) await turn();
    pieces.push(encode(type, { [field]: all.slice(from, from + PIECE) }));
  }
  return Buffer.concat(pieces);
}

function encode(type: string, message: object): Buffer {
  const definition = apiDefinition().packages[`bridgewall.v1.${type}`];
  return (definition as MessageTypeDefinition<object, object>).serialize(message);
}
