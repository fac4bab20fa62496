import type { Store } from '../store.ts'
import type { SettingsStore } from './settings-store.ts'

/** Keeps the settings in the tables `mothers` and `provider_priority` of the broker's own database. */
export function sqliteSettings(store: Store): SettingsStore {
  const selectFields = store.prepare('SELECT id, field, value FROM mothers ORDER BY id, field')
  const putField = store.prepare('INSERT INTO mothers (id, field, value) VALUES (?, ?, ?)')
  const deleteFields = store.prepare('DELETE FROM mothers WHERE id = ?')
  const selectPriorities = store.prepare('SELECT provider, priority FROM provider_priority ORDER BY provider')
  const put = store.prepare('INSERT OR REPLACE INTO provider_priority (provider, priority) VALUES (?, ?)')
  const remove = store.prepare('DELETE FROM provider_priority WHERE provider = ?')
  return {
    location: store.path,
    async mothers() {
      const records = new Map<string, Record<string, string>>()
      for (const { id, field, value } of selectFields.all()) {
        const key = String(id)
        const record = records.get(key) ?? {}
        record[String(field)] = String(value)
        records.set(key, record)
      }
      return records
    },
    async putMother(id, record) {
      await store.write(() => {
        deleteFields.run(id)
        for (const [field, value] of Object.entries(record)) putField.run(id, field, value)
      })
    },
    async removeMother(id) {
      await store.write(() => void deleteFields.run(id))
    },
    async priorities() {
      return new Map(selectPriorities.all().map((row) => [String(row['provider']), Number(row['priority'])]))
    },
    async setPriority(provider, priority) {
      await store.write(
        () => void (priority === undefined ? remove.run(provider) : put.run(provider, priority)),
      )
    },
    close: async () => undefined,
  }
}
