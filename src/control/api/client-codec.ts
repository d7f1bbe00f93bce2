/** Messages of the API at the client's end, by the schema that was made of the .proto file. */
import { METHODS, SCHEMA, SERVICE } from '../../generated/api-schema.js';
import type { NodeDefinition } from '../../generated/proto/bridgewall/v1/Node.js';
import type { Position } from '../policy/plan.js';
import { WireCodec } from './wire.js';

/** Methods by their names in the .proto file. */
export type MethodName = Exclude<keyof NodeDefinition, number | symbol> & (typeof NAMES)[number];

/** Those that take one message and give one. */
const NAMES = [
  ...(['Apply', 'Confirm', 'CountStates', 'Counters', 'Diff', 'Explain', 'Ha'] as const),
  ...(['HaTakeover', 'HaYield', 'History', 'KillStates', 'Matrix', 'Plan', 'Policy'] as const),
  ...(['Ports', 'Rollback', 'SetAdd', 'SetDelete', 'SetMembers', 'Sets', 'Status'] as const),
] as const;

/** What a method takes. */
export type RequestOf<M extends MethodName> = Parameters<NodeDefinition[M]['requestSerialize']>[0];
/** What it gives. */
export type ResponseOf<M extends MethodName> = ReturnType<NodeDefinition[M]['responseDeserialize']>;

const codec = new WireCodec(SCHEMA);

export function pathOf(method: MethodName): string {
  return `/${SERVICE}/${method}`;
}

export function encodeRequest<M extends MethodName>(method: M, request: RequestOf<M>): Buffer {
  return codec.encode(METHODS[method]![0], request);
}

export function decodeResponse<M extends MethodName>(method: M, bytes: Buffer): ResponseOf<M> {
  return codec.decode(METHODS[method]![1], bytes) as ResponseOf<M>;
}

/** A position out of the metadata of an error. @throws RangeError when it is none */
export function decodePosition(bytes: Buffer): Position {
  const { file, line, column } = codec.decode('bridgewall.v1.Position', bytes) as Position;
  return { file, line, column };
}
