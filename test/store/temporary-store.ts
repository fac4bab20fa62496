import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore, type Store } from '../../src/store/store.ts'
import { manualClock, type ManualClock } from './manual-clock.ts'

/** A store in a folder of its own; both are removed at the end of the test. */
export interface TemporaryStore extends AsyncDisposable {
  readonly path: string
  readonly clock: ManualClock
  store: Store
  /** Opens the store again, as after a restart. */
  reopen(): Promise<Store>
  /** Opens a copy of the files as they are when the process is killed at this moment: acknowledged writes are in them, and they were not closed. */
  crash(): Promise<Store>
}

export function temporaryStore(durability: 'power-safe-soon' | 'full' = 'power-safe-soon'): TemporaryStore {
  const folder = mkdtempSync(join(tmpdir(), 'st-'))
  let path = join(folder, 'requests.db')
  let crashes = 0
  const clock = manualClock()
  const open = (): Store => openStore({ path, clock, durability })
  return {
    get path() {
      return path
    },
    clock,
    store: open(),
    async crash() {
      const after = join(folder, `after-${++crashes}.db`)
      for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, after + end)
      await this.store.close()
      path = after
      this.store = open()
      return this.store
    },
    async reopen() {
      await this.store.close()
      this.store = open()
      return this.store
    },
    async [Symbol.asyncDispose]() {
      await this.store.close()
      rmSync(folder, { recursive: true })
    },
  }
}
