import { expect, test } from 'vitest'
import { enforceDimensions } from '../../../src/inference/request/embedding-dimensions.ts'
import type { ChatChunk } from '../../../src/wire/openai/chat.ts'

/** The vector that is delivered when one comes that is longer than requested. */
function cutTo(dimensions: number, embedding: readonly number[]): readonly number[] {
  const responses: ChatChunk[] = []
  const requested = { dimensions, modelId: 'acme-embed', capabilities: ['matryoshka'] }
  const listener = enforceDimensions(requested, {
    onChunk: () => {},
    onPart: () => {},
    onResponse: (_json, response) => responses.push(response),
    onEnd: () => {},
    onError: () => {},
  })
  const response = { data: [{ index: 0, embedding }] }
  listener.onResponse(JSON.stringify(response), response)
  const [vector] = (responses[0]?.data ?? []) as { embedding: number[] }[]
  return vector?.embedding ?? []
}

test('a truncated vector is normalized to length one', () => {
  expect(cutTo(2, [3, 4, 12])).toEqual([0.6, 0.8])
  expect(cutTo(2, [0, 0, 1])).toEqual([0, 0])
})

test('a truncated vector of half a million numbers is normalized, too', () => {
  expect(cutTo(490_000, Array<number>(500_000).fill(1))[0]).toBeCloseTo(1 / 700)
})
