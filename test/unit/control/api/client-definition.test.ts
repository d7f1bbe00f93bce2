/** Clients and servers make their definitions in different ways: they must be the same. */
import { expect, it } from 'vitest';
import { decodePosition } from '../../../../src/control/api/client-codec.js';
import { nodeClient } from '../../../../src/control/api/client-definition.js';
import { apiDefinition } from '../../../../src/control/api/definition.js';

interface Method {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly originalName: string;
  readonly requestSerialize: (value: object) => Buffer;
  readonly responseSerialize: (value: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}

const service = (of: unknown) => (of as { service: Record<string, Method> }).service;
const ours = service(nodeClient());
const theirs = service(apiDefinition().v1.Node);

it('a client knows every method that a server has, and by the same names', () => {
  const shape = (methods: Record<string, Method>) =>
    Object.fromEntries(
      Object.entries(methods).map(([name, method]) => {
        const { path, requestStream, responseStream, originalName } = method;
        return [name, { path, requestStream, responseStream, originalName }];
      }),
    );
  expect(Object.keys(ours).length).toBeGreaterThan(20);
  expect(shape(ours)).toEqual(shape(theirs));
});

it('its messages are the same bytes, and become the same objects', () => {
  const request = { policy: { text: 'a: b', file: 'f' }, confirm: 60 };
  expect(ours.Apply!.requestSerialize(request)).toEqual(theirs.Apply!.requestSerialize(request));
  for (const name of ['Status', 'Apply', 'Counters', 'Matrix', 'Ha', 'States']) {
    const bytes = theirs[name]!.responseSerialize({});
    expect(ours[name]!.responseDeserialize(bytes)).toEqual(
      theirs[name]!.responseDeserialize(bytes),
    );
  }
});

it('a position is read as it was written', () => {
  const position = { file: 'a.yaml', line: 3, column: 14 };
  const { Position } = apiDefinition().v1;
  expect(decodePosition(Position.serialize(position))).toEqual(position);
});
