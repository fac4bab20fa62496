import { expect, test } from 'vitest'
import type { ProviderSetting } from '../../../src/catalog/provider-setting.ts'
import { definitionsOf } from '../../../src/providers/definitions/configured.ts'
import { startBrokerWithProviders } from '../../faults/broker-with-providers.ts'
import { answers } from '../../faults/scripts.ts'

const setting = (changes: Partial<ProviderSetting>): ProviderSetting => ({
  name: 'mistral',
  headers: new Map(),
  quirks: new Map(),
  ...changes,
})

function mistralWith(changes: Partial<ProviderSetting>) {
  return definitionsOf(new Map([['mistral', setting(changes)]])).find(({ id }) => id === 'mistral')
}

test('a row of the models file changes a built-in provider and keeps the rest of it', () => {
  expect(mistralWith({ baseUrl: 'https://proxy.example/v1' })).toMatchObject({
    baseUrl: 'https://proxy.example/v1',
    needsKey: true,
    quirks: { maxTokensField: 'max_tokens' },
  })
})

test('a local server with the name of a built-in provider needs no key and has none of its quirks', () => {
  const definition = mistralWith({ server: { command: ['llama-server'] } })
  expect(definition).toMatchObject({ needsKey: false, quirks: {} })
  expect(definition).not.toHaveProperty('sources')
})

test('a provider whose address names the account is there once the address is set', async () => {
  const env = { AZURE_API_KEY: 'sk-azure' }
  const list = async (more: Record<string, string>) => {
    await using broker = await startBrokerWithProviders([{ script: answers('hi') }], {
      env: { ...env, ...more },
    })
    const rows = (await broker.rpc('providers.list')) as readonly Record<string, unknown>[]
    return rows.find(({ name }) => name === 'azure')
  }
  expect(await list({})).toMatchObject({
    state: 'no-key',
    key_variables: ['AIBROKER_AZURE_URL', 'AZURE_API_KEY', 'AZURE_API_KEYS'],
    host: 'https://{resource}.openai.azure.com/openai/v1',
  })
  expect(await list({ AIBROKER_AZURE_URL: 'https://mine.openai.azure.com/openai/v1' })).toMatchObject({
    state: 'ready',
    host: 'mine.openai.azure.com',
  })
})
