import { Metadata, status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { ApiError, lineOf } from '../../../../src/control/api/errors.js';
import { errorOf } from '../../../../src/control/api/reply-error.js';
import { statusOf } from '../../../../src/control/api/status-of.js';
import { ServiceError } from '../../../../src/control/service.js';

const POSITION = { file: 'site à.yaml', line: 3, column: 14 };

test.each([
  ['invalid', status.INVALID_ARGUMENT],
  ['not-found', status.NOT_FOUND],
  ['precondition', status.FAILED_PRECONDITION],
  ['internal', status.INTERNAL],
] as const)('%s goes there and back', (code, expected) => {
  const reply = statusOf(new ServiceError(code, 'no', POSITION));
  expect(reply).toMatchObject({ code: expected, details: 'site à.yaml:3:14: no' });
  expect(errorOf(reply, '/s')).toMatchObject({
    name: 'ServiceError',
    code,
    message: 'site à.yaml:3:14: no',
    position: POSITION,
  });
});

test('a position is told once', () => {
  expect(lineOf(new ServiceError('invalid', 'site à.yaml:3:14: no', POSITION))).toBe(
    'site à.yaml:3:14: no',
  );
});

test('what has many lines becomes one', () => {
  expect(statusOf(new Error('libbpf:\n  map full\n')).details).toBe('libbpf: map full');
  expect(statusOf('words').details).toBe('words');
});

test('a position that does not decode is left out', () => {
  const metadata = new Metadata();
  metadata.set('bridgewall-position-bin', Buffer.from([0xff, 0xff]));
  const error = errorOf({ code: status.INVALID_ARGUMENT, details: 'no', metadata }, '/s');
  expect(error).toMatchObject({ code: 'invalid', position: null });
});

test.each([
  [status.UNAVAILABLE, 'EUNAVAILABLE'],
  [status.DEADLINE_EXCEEDED, 'ETIMEOUT'],
  [status.CANCELLED, 'ECANCELLED'],
  [status.UNIMPLEMENTED, 'EPROTOCOL'],
  [status.RESOURCE_EXHAUSTED, 'EPROTOCOL'],
])('status %d is %s', (code, expected) => {
  const error = errorOf({ code, details: 'x', metadata: new Metadata() }, '/s');
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ code: expected, message: expect.stringContaining('/s') });
});
