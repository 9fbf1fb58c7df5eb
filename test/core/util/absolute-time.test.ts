import { expect, test } from 'vitest';
import { parseAbsoluteTime } from '../../../src/core/util/absolute-time.ts';

test.each([
  ['19700101Z', 0],
  ['20240229UTC', Date.UTC(2024, 1, 29)],
  ['202402291530Z', Date.UTC(2024, 1, 29, 15, 30)],
  ['20240229153059Z', Date.UTC(2024, 1, 29, 15, 30, 59)],
  ['20240229', new Date(2024, 1, 29).getTime()],
  ['202402291530', new Date(2024, 1, 29, 15, 30).getTime()],
])('%s', (text, expected) => {
  expect(parseAbsoluteTime(text) * 1000).toBe(expected);
});

test.each([
  '',
  '2024',
  '20240230Z',
  '20241301Z',
  '202401012400Z',
  '202401010060Z',
  '2024010100',
  '20240101 Z',
  '-20240101',
  '19000101Z',
])('%j is no time', (text) => {
  expect(() => parseAbsoluteTime(text)).toThrow('invalid format');
});
