// What a page does when its session, its broker, its files or its network go away under it.
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'
import {
  CHROMIUM,
  NEEDS_CHROMIUM,
  newPage,
  openBrowser,
  openDashboard,
  type OpenDashboard,
} from './open-dashboard.ts'

const PAGES = [
  '',
  'requests',
  'requests/gen-none',
  'usage',
  'models',
  'providers',
  'cascade',
  'tokens',
  'limits',
  'callers',
  'contexts',
  'mcp',
  'ledger',
  'settings',
  'logs',
  'start',
]

const folder = tempFolder()
let dashboard: OpenDashboard
let browser: Browser

describe.skipIf(CHROMIUM === undefined)(`a page that is interrupted${NEEDS_CHROMIUM}`, () => {
  beforeAll(async () => {
    const env = { GROQ_API_KEY: 'gsk-secret', AIBROKER_GROQ_URL: 'http://127.0.0.1:9' }
    dashboard = await openDashboard({ folder: folder.path, env })
    browser = await openBrowser()
  }, 60_000)
  afterAll(async () => {
    await browser.close()
    await dashboard[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  async function loggedIn(): Promise<{ page: Page; context: BrowserContext }> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    const { page } = await newPage(context)
    await page.goto(await dashboard.newLink())
    await heading(page, 'Overview').waitFor()
    return { page, context }
  }

  test('a page whose session has ended says so, leads to the login, and comes back where it was', async () => {
    const { page, context } = await loggedIn()
    const made = (await dashboard.broker.rpc('tokens.create', { label: 'ada' })) as { token: string }
    await page.goto(`${dashboard.origin}/usage?range=7d`)
    await heading(page, 'Usage').waitFor()
    await endSession(page)
    const range = page.getByRole('combobox', { name: 'Range' })
    // The page's own stream of events may notice first, and the page then has the login alone.
    await range.selectOption('30d', { timeout: 3000 }).catch(() => undefined)
    await page.getByText('Your session has ended').waitFor()
    await page.getByLabel('Token', { exact: true }).fill('wrong')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('this token is not known here').waitFor()
    await page.getByLabel('Token', { exact: true }).fill(made.token)
    await page.getByRole('button', { name: 'Log in' }).click()
    await heading(page, 'Usage').waitFor()
    expect(page.url()).toMatch(/\/usage\?range=(7d|30d)$/)
    await context.close()
  }, 60_000)

  test('a change that fails because the session has ended leads to the login and changes nothing', async () => {
    const { page, context } = await loggedIn()
    await page.goto(`${dashboard.origin}/providers`)
    await page.getByRole('textbox', { name: /Priority of Groq/i }).fill('7')
    await endSession(page)
    await page.getByRole('textbox', { name: /Priority of Groq/i }).blur()
    await page.getByText('Your session has ended').waitFor()
    expect(await dashboard.broker.rpc('priority.list')).toEqual({})
    await context.close()
  }, 60_000)

  test('a change in one tab is seen in the other, and so are logging out and logging in', async () => {
    const { page, context } = await loggedIn()
    const { page: other } = await newPage(context)
    for (const tab of [page, other]) {
      await tab.goto(`${dashboard.origin}/tokens`)
      await heading(tab, 'Tokens').waitFor()
    }
    await createToken(page, 'from-the-first')
    await other.getByText('from-the-first').first().waitFor()

    await page.getByRole('button', { name: 'Log out' }).click()
    await other.getByLabel('Token', { exact: true }).waitFor()
    const made = (await dashboard.broker.rpc('tokens.create', { label: 'back' })) as { token: string }
    await page.getByLabel('Token', { exact: true }).fill(made.token)
    await page.getByRole('button', { name: 'Log in' }).click()
    await other.getByText('Only an administrator').waitFor()
    expect(await other.content()).not.toContain('from-the-first')
    await context.close()
  }, 60_000)

  test('every page whose methods fail shows the error with a retry, and recovers by it', async () => {
    const { page, context } = await loggedIn()
    for (const name of PAGES) {
      await page.route('**/api/rpc', (route) =>
        /auth\.whoami|events\.watch/.test(route.request().postData() ?? '')
          ? route.continue()
          : route.fulfill({ status: 500, body: 'oops' }),
      )
      await page.goto(`${dashboard.origin}/${name}?range=7d`)
      await page.getByRole('heading', { level: 1 }).waitFor()
      const retry = page.getByRole('button', { name: 'Try again' })
      await expect.poll(async () => [name, await retry.count()]).not.toEqual([name, 0])
      await page.unroute('**/api/rpc')
      const oops = page.getByRole('alert').filter({ hasText: 'is not JSON' })
      await expect
        .poll(
          async () => {
            if ((await oops.count()) > 0) await oops.first().getByRole('button').click({ timeout: 2000 })
            return [name, await oops.count()]
          },
          { timeout: 10_000 },
        )
        .toEqual([name, 0])
    }
    await context.close()
  }, 180_000)

  test('a reload in mid-edit asks first, and what was not saved has changed nothing', async () => {
    const { page, context } = await loggedIn()
    const before = await dashboard.broker.rpc('tokens.list')
    await page.goto(`${dashboard.origin}/tokens`)
    await page.getByRole('button', { name: 'New token' }).click()
    await page.getByLabel('Label', { exact: true }).fill('half-typed')
    const asked = page.waitForEvent('dialog')
    const reloaded = page.reload()
    const question = await asked
    expect(question.type()).toBe('beforeunload')
    await question.accept()
    await reloaded
    await heading(page, 'Tokens').waitFor()
    expect(await page.getByRole('dialog').count()).toBe(0)
    expect(await dashboard.broker.rpc('tokens.list')).toEqual(before)
    await context.close()
  }, 60_000)

  test('a page whose file is gone after an upgrade loads itself again, once', async () => {
    const { page, context } = await loggedIn()
    let documents = 0
    page.on('framenavigated', () => (documents += 1))
    let isOld = true
    await page.route('**/assets/usage-*.js', (route) =>
      isOld ? route.fulfill({ status: 404, body: '{}' }) : route.continue(),
    )
    page.on('load', () => (isOld = false))
    await page.getByRole('link', { name: 'Usage' }).click()
    await heading(page, 'Usage').waitFor()
    expect(isOld).toBe(false)

    await page.route('**/assets/models-*.js', (route) => route.fulfill({ status: 404, body: '{}' }))
    await page.getByRole('link', { name: 'Models' }).click()
    await page.getByRole('alert').getByRole('button', { name: 'Try again' }).waitFor()
    await page.getByRole('link', { name: 'Usage' }).waitFor()
    expect(documents).toBeLessThan(8)
    await context.close()
  }, 60_000)

  test('without a network the page says so, keeps its figures, and goes on when it is back', async () => {
    const { page, context } = await loggedIn()
    await page.goto(`${dashboard.origin}/tokens`)
    await createToken(page, 'kept')
    await context.setOffline(true)
    await page.getByText(/^Offline, figures as of/).waitFor()
    expect(await page.getByText('kept').count()).toBeGreaterThan(0)
    await context.setOffline(false)
    await expect.poll(() => page.getByText(/^Offline/).count(), { timeout: 10_000 }).toBe(0)
    await dashboard.broker.rpc('tokens.create', { label: 'made-meanwhile' })
    await page.getByRole('link', { name: 'Limits' }).click()
    await heading(page, 'Limits').waitFor()
    await context.close()
  }, 60_000)

  test('a broker that is replaced under an open page is followed by it without a reload', async () => {
    const { page, context } = await loggedIn()
    const streams = page.waitForResponse((response) =>
      (response.request().postData() ?? '').includes('events.watch'),
    )
    await page.goto(`${dashboard.origin}/tokens`)
    await heading(page, 'Tokens').waitFor()
    await streams
    await page.evaluate('window.isSame = true')
    dashboard.broker.signal('SIGKILL')
    await page.getByText(/^Offline, figures as of/).waitFor()
    await using again = await startBroker({ folder: folder.path })
    await again.rpc('tokens.create', { label: 'of-the-new-one' })
    await expect.poll(() => page.getByText(/^Offline/).count(), { timeout: 10_000 }).toBe(0)
    await page.getByText('of-the-new-one').first().waitFor()
    expect(await page.evaluate('window.isSame')).toBe(true)
    await context.close()
  }, 60_000)
})

function heading(page: Page, name: string) {
  return page.getByRole('heading', { level: 1, name })
}

/** Ends the session at the server, as its life of a week does, while the page believes that it has one. */
async function endSession(page: Page): Promise<void> {
  const status = await page.evaluate(
    `fetch('/api/logout', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', 'x-aibroker-dashboard': localStorage.getItem('aibroker-proof ') } }).then(({ status }) => status)`,
  )
  expect(status).toBe(200)
}

async function createToken(page: Page, label: string): Promise<void> {
  await page.getByRole('button', { name: 'New token' }).click()
  await page.getByLabel('Label', { exact: true }).fill(label)
  await page.getByRole('dialog').getByRole('button', { name: 'New token' }).click()
  await page.getByRole('button', { name: 'I have copied it' }).click()
}
