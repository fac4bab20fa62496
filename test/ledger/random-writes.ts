/** A busy broker, to be killed: settles some holds, leaves others open, and prints each write only once it was acknowledged. */
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

/** The first of ten holds stays open: however early the process is killed, there is a hold to recover. */
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
