import { beforeEach, expect, test } from 'vitest';
import { Room } from '../../../../src/control/daemon/room.js';

const MAX = 1000;
let heard: unknown[];
let clock: number;
let room: Room;

beforeEach(() => {
  heard = [];
  clock = 1_000_000;
  room = new Room({
    max: () => MAX,
    now: () => clock,
    events: { emit: (kind, fields) => void heard.push([kind, fields]) },
  });
});

const taken = () => heard.splice(0);
const kinds = () => room.alarms.map(({ kind }) => kind);

test('nothing is told of a table with room', () => {
  for (const count of [0, 500, 899, 0]) room.counted(count);
  expect([taken(), room.alarms]).toEqual([[], []]);
});

test('nine tenths are told of once, and again only after there was room', () => {
  for (const count of [900, 950, 899, 860, 1000]) room.counted(count);
  expect(taken()).toEqual([['table-nearly-full', { established: 900, max: MAX }]]);
  expect(room.alarms).toEqual([
    {
      kind: 'table-nearly-full',
      message: '1000 of 1000 established connections: there is little room left',
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    },
  ]);
  for (const count of [849, 899, 900]) room.counted(count);
  expect(taken()).toEqual([
    ['table-room', { established: 849, max: MAX }],
    ['table-nearly-full', { established: 900, max: MAX }],
  ]);
});

test('a flood that finds no room is one event, and one a minute', () => {
  room.counted(MAX);
  taken();
  for (let i = 0; i < 1000; i++) room.refused(i % 2 === 0 ? 'up0' : 'dn0', 3);
  expect(taken()).toEqual([['table-full', { port: 'up0', count: 3 }]]);
  expect(room.alarms).toMatchObject([
    { kind: 'table-full', message: '1000 of 1000 established connections: new ones are refused' },
  ]);
  room.counted(MAX);
  expect(taken()).toEqual([]);
  clock += 60_000;
  room.refused('up0', 1);
  room.counted(MAX);
  expect(taken()).toEqual([
    ['table-full', { port: 'dn0', count: 1500 }],
    ['table-full', { port: 'up0', count: 1498 }],
  ]);
  clock += 60_000;
  room.counted(MAX);
  expect(taken()).toEqual([]);
});

test('there is room again once some is free and nobody was refused for a while', () => {
  room.counted(MAX);
  room.refused('up0', 1);
  room.refused('up0', 4);
  taken();
  room.counted(100);
  expect(kinds()).toEqual(['table-full']);
  clock += 2000;
  room.counted(980);
  expect([kinds(), taken()]).toEqual([['table-full'], []]);
  room.counted(960);
  expect([kinds(), taken()]).toEqual([
    ['table-nearly-full'],
    [
      ['table-full', { port: 'up0', count: 4 }],
      ['table-room', { established: 960, max: MAX }],
    ],
  ]);
  room.counted(10);
  expect([kinds(), taken()]).toEqual([[], [['table-room', { established: 10, max: MAX }]]]);
});

test('a connection that finds no room tells so before anybody has counted', () => {
  room.refused('up0', 1);
  expect(taken()).toEqual([['table-full', { port: 'up0', count: 1 }]]);
  clock += 2000;
  room.counted(0);
  expect([kinds(), taken()]).toEqual([[], [['table-room', { established: 0, max: MAX }]]]);
});
