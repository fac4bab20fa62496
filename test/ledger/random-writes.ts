/** A broker in a storm, to be killed: settles and leaves open, and says each thing only once it was acknowledged. */
import { systemClock } from '../../src/base/clock.ts'
import { generationId } from '../../src/base/ids.ts'
import { money } from '../../src/base/money.ts'
import { createLedger } from '../../src/ledger/ledger.ts'
import { openStore } from '../../src/store/store.ts'
import { finished, request } from './samples.ts'

const path = process.argv[2] ?? ''
const ledger = createLedger({ store: openStore({ path, clock: systemClock, durability: 'power-safe-soon' }) })
const say = (word: string, id: string): boolean => process.stdout.write(`${word} ${id}\n`)

let begun = 0

/** Of ten holds the first stays open: however soon the end comes, there is one to recover. */
const staysOpen = (): boolean => begun++ % 10 === 0

async function caller(): Promise<void> {
  for (;;) {
    const leftOpen = staysOpen()
    const hold = await ledger.hold(request(generationId(Date.now())))
    say('held', hold.id)
    if (leftOpen) continue
    await ledger.settle(hold, finished(money(7n)))
    say('settled', hold.id)
  }
}

await Promise.all(Array.from({ length: 16 }, caller))
