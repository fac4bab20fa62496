import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { WriteQueue } from '../../src/store/write-queue.ts'
import { manualClock } from '../support/manual-clock.ts'

function queueOn(disk: { isLate: boolean }) {
  const clock = manualClock()
  const database = new DatabaseSync(':memory:')
  const reasons: unknown[] = []
  const queue = new WriteQueue(
    database,
    clock,
    () => undefined,
    (reason) => void reasons.push(reason),
    () => disk.isLate,
  )
  return { clock, queue, reasons }
}

const aMoment = () => new Promise((resolve) => setTimeout(resolve, 20))

test('while the disk has not taken what was acknowledged, no further write is acknowledged', async () => {
  const disk = { isLate: true }
  const { queue } = queueOn(disk)
  const order: string[] = []
  const writes = [queue.write(() => order.push('hold')), queue.writeWithRetry(() => order.push('settlement'))]
  await aMoment()
  expect(order).toEqual([])
  disk.isLate = false
  await Promise.all(writes)
  expect(order).toEqual(['hold', 'settlement'])
})

test('a disk that stalls for two seconds refuses requests and says so, and settlements still wait', async () => {
  const disk = { isLate: true }
  const { queue, clock, reasons } = queueOn(disk)
  const settled = queue.writeWithRetry(() => 'settled')
  const refused = queue.write(() => 'held')
  refused.catch(() => undefined)
  await aMoment()
  clock.advance(2000)
  await expect(refused).rejects.toMatchObject({
    code: 'store-full',
    message: expect.stringContaining('the disk takes too long') as string,
  })
  expect(reasons).toHaveLength(1)
  disk.isLate = false
  expect(await settled).toBe('settled')
  queue.close()
})
