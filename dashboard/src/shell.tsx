import { useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState, type FormEvent, type ReactNode } from 'react'
import type { MethodName } from '../../src/wire/rpc/methods.ts'
import { CallError, logIn, logOut, PREFIX, PROOF } from './api.ts'
import { LiveContext, useCall, useEvents, useFilter, useLive, useMay, useWhoami } from './broker.ts'
import { timeText, ZONE, zoneText } from './format.ts'
import { Failure } from './parts.tsx'
import { RANGES, type Search } from './range.ts'
import { t } from './strings.ts'

type Page = keyof typeof t.pages

/** The navigation: address, name, and the method that whoever sees it may call. */
const NAV: readonly (readonly [keyof typeof t.groups, readonly (readonly [string, Page, MethodName])[]])[] = [
  [
    'watch',
    [
      ['/', 'overview', 'requests.totals'],
      ['/requests', 'requests', 'requests.list'],
      ['/logs', 'logs', 'logs.tail'],
    ],
  ],
  [
    'money',
    [
      ['/usage', 'usage', 'usage.query'],
      ['/limits', 'limits', 'limits.near'],
      ['/ledger', 'ledger', 'ledger.verify'],
    ],
  ],
  [
    'route',
    [
      ['/models', 'models', 'models.list'],
      ['/providers', 'providers', 'providers.list'],
      ['/cascade', 'cascade', 'mothers.list'],
      ['/mcp', 'mcp', 'mcp.list_tools'],
    ],
  ],
  [
    'callers',
    [
      ['/callers', 'callers', 'usage.by_address'],
      ['/contexts', 'contexts', 'contexts.list'],
      ['/tokens', 'tokens', 'tokens.list'],
    ],
  ],
  ['use', [['/playground', 'playground', 'ai.chat']]],
  [
    'own',
    [
      ['/settings', 'settings', 'config.get'],
      ['/start', 'start', 'tokens.create'],
    ],
  ],
]

export function Shell() {
  const [code, setCode] = useState(() => (location.pathname.endsWith('/in') ? location.hash.slice(1) : ''))
  const who = useWhoami(code === '')
  const isIn = who.data !== undefined
  const live = useEvents(isIn)
  useLoginOfOtherTabs()
  if (code !== '') return <OpenLink code={code} onDone={() => setCode('')} />
  if (who.error instanceof CallError && who.error.code === 'unauthorized')
    return isIn ? <Login reason={t.login.ended} /> : <Login />
  if (!isIn)
    return who.error === null ? (
      <p className="state skeleton">{t.state.loading}</p>
    ) : (
      <Failure error={who.error} retry={who.refetch} />
    )
  return (
    <LiveContext value={live}>
      <Frame />
    </LiveContext>
  )
}

/** All tabs of a browser share one session: each looks again who is logged in after another logs in or out. */
function useLoginOfOtherTabs(): void {
  const client = useQueryClient()
  useEffect(() => {
    const look = ({ key }: StorageEvent): void => {
      if (key === PROOF) void client.resetQueries()
    }
    addEventListener('storage', look)
    return () => removeEventListener('storage', look)
  }, [client])
}

function OpenLink({ code, onDone }: { code: string; onDone: () => void }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [error, setError] = useState<Error>()
  const isStarted = useRef(false)
  useEffect(() => {
    if (isStarted.current) return
    isStarted.current = true
    logIn({ code })
      .then(async () => {
        await navigate({ to: '/', replace: true })
        onDone()
        await client.resetQueries()
      })
      .catch(setError)
  })
  if (error === undefined) return <p className="state">{t.login.opening}</p>
  return <Login reason={error.message} onDone={onDone} />
}

function Login({ reason, onDone }: { reason?: string; onDone?: () => void }) {
  const client = useQueryClient()
  const [error, setError] = useState(reason)
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const token = String(new FormData(event.currentTarget).get('token'))
    logIn({ token })
      .then(() => {
        onDone?.()
        return client.resetQueries()
      })
      .catch((thrown: Error) => setError(thrown.message))
  }
  return (
    <main className="login">
      <h1>{t.login.title}</h1>
      <p>{t.login.hint}</p>
      <form className="form" onSubmit={submit}>
        <label>
          {t.login.token}
          <input name="token" type="password" autoComplete="off" required aria-describedby="login-error" />
        </label>
        <p id="login-error" role="alert">
          {error}
        </p>
        <button className="primary">{t.login.submit}</button>
      </form>
      <p>{t.login.link}</p>
      <pre>hero_aibroker dashboard</pre>
    </main>
  )
}

function Frame() {
  const { state, offlineSince } = useLive()
  const path = useLocation({ select: ({ pathname }) => pathname })
  const [isMenu, setMenu] = useState(false)
  const [dialog, setDialog] = useState<'palette' | 'keys'>()
  const firstVersion = useRef<string>(undefined)
  firstVersion.current ??= state?.version
  useKeys(setDialog)
  useEffect(() => {
    setMenu(false)
    document.querySelector<HTMLElement>('h1')?.focus()
  }, [path])
  return (
    <>
      <a className="skip" href="#main" onClick={(event) => focusMain(event)}>
        {t.skip}
      </a>
      {state?.is_mother === true && (
        <div className="mother" role="status">
          {t.mother}
        </div>
      )}
      {offlineSince !== undefined && (
        <div className="strip" role="status">
          {t.state.offline(timeText(offlineSince, ZONE))}
        </div>
      )}
      {state !== undefined && state.version !== firstVersion.current && (
        <div className="strip warn" role="status">
          {t.state.version}{' '}
          <button type="button" onClick={() => location.reload()}>
            {t.state.reload}
          </button>
        </div>
      )}
      <header className="top">
        <button type="button" aria-expanded={isMenu} onClick={() => setMenu(!isMenu)}>
          {t.menu}
        </button>
        <strong>{t.title}</strong>
        <button type="button" onClick={() => setDialog('palette')}>
          {t.palette.open}
        </button>
      </header>
      <div className="shell">
        <Navigation isOpen={isMenu} openPalette={() => setDialog('palette')} />
        <main id="main" tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      {dialog === 'palette' && <Palette close={() => setDialog(undefined)} />}
      {dialog === 'keys' && <Keys close={() => setDialog(undefined)} />}
    </>
  )
}

function focusMain(event: { preventDefault: () => void }): void {
  event.preventDefault()
  document.querySelector<HTMLElement>('main')?.focus()
}

function Navigation({ isOpen, openPalette }: { isOpen: boolean; openPalette: () => void }) {
  const may = useMay()
  const { data: who } = useWhoami()
  const near = useCall('limits.near', {})
  const client = useQueryClient()
  const badge = (page: Page): ReactNode =>
    page === 'limits' && near.data !== undefined && near.data.length > 0 ? (
      <span className="chip">
        {near.data.length}
        <span className="hidden"> {t.overview.budgets}</span>
      </span>
    ) : null
  return (
    <nav className={isOpen ? 'nav open' : 'nav'} aria-label={t.menu}>
      <div className="brand">
        <svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true">
          <path
            d="M2 9h4l2-6 3 12 2-6h3"
            fill="none"
            stroke="currentColor"
            strokeWidth="2"
            strokeLinejoin="round"
          />
        </svg>
        {t.title}
      </div>
      <button type="button" onClick={openPalette}>
        {t.palette.open} <span className="faint">⌘K</span>
      </button>
      {NAV.map(([group, pages]) => {
        const shown = pages.filter(([, , method]) => may(method))
        if (shown.length === 0) return null
        return (
          <div key={group}>
            <h2>{t.groups[group]}</h2>
            {shown.map(([to, page]) => (
              <Link
                key={to}
                to={to}
                search={kept}
                activeOptions={{ exact: to === '/', includeSearch: false }}
                activeProps={{ className: 'active', 'aria-current': 'page' }}
              >
                {t.pages[page]} {badge(page)}
              </Link>
            ))}
          </div>
        )
      })}
      <div className="end">
        <ThemeChoice />
        <span className="faint">{who?.role === 'admin' ? 'admin' : (who?.token ?? who?.address)}</span>
        <button type="button" onClick={() => void logOut().then(() => client.resetQueries())}>
          {t.logOut}
        </button>
      </div>
    </nav>
  )
}

/** What stays in the address bar from page to page. */
function kept({ range, since, until, zone }: Search): Search {
  return { range, since, until, zone }
}

function ThemeChoice() {
  const [theme, setTheme] = useState(document.documentElement.dataset['theme'] ?? 'system')
  return (
    <label>
      {t.theme.label}
      <select
        value={theme}
        onChange={({ target }) => {
          applyTheme(target.value)
          setTheme(target.value)
        }}
      >
        {(['system', 'light', 'dark'] as const).map((name) => (
          <option key={name} value={name}>
            {t.theme[name]}
          </option>
        ))}
      </select>
    </label>
  )
}

/** The cookie lets the server write the theme into the page, so that no wrong one is seen first. */
function applyTheme(theme: string): void {
  document.documentElement.dataset['theme'] = theme
  document.cookie = `theme=${theme}; path=${PREFIX === '' ? '/' : PREFIX}; max-age=31536000; samesite=strict`
}

/** The title of a page with the range, the zone and the live switch. */
export function PageHead({
  title,
  hasRange = false,
  children,
}: {
  title: string
  hasRange?: boolean
  children?: ReactNode
}) {
  const { search, zone, set } = useFilter()
  const { isLive, setLive, refresh } = useLive()
  useEffect(() => {
    document.title = `${title} · ${t.title}`
  }, [title])
  const isCustom = search.since !== undefined || search.until !== undefined
  return (
    <div className="page-head">
      <h1 tabIndex={-1}>{title}</h1>
      {hasRange && (
        <>
          <select
            aria-label={t.range.label}
            value={isCustom ? 'custom' : (search.range ?? '24h')}
            onChange={({ target }) => set({ range: target.value, since: undefined, until: undefined })}
          >
            {RANGES.map((range) => (
              <option key={range} value={range}>
                {t.range[range]}
              </option>
            ))}
            {isCustom && <option value="custom">{t.range.custom}</option>}
          </select>
          <select
            className="zone"
            aria-label={t.zone}
            value={zone}
            onChange={({ target }) => set({ zone: target.value === ZONE ? undefined : target.value })}
          >
            {[...new Set([zone, ZONE, 'UTC'])].map((name) => (
              <option key={name} value={name}>
                {zoneText(name)}
              </option>
            ))}
          </select>
          <button
            type="button"
            aria-pressed={isLive}
            title={isLive ? t.live.pause : t.live.resume}
            onClick={() => setLive(!isLive)}
          >
            {isLive ? t.live.on : t.live.off}
          </button>
          <button type="button" onClick={refresh}>
            {t.refresh}
          </button>
        </>
      )}
      {children}
    </div>
  )
}

/** A modal dialog of the browser: focus goes in, Escape closes, focus goes back. */
export function Dialog({
  title,
  close,
  children,
}: {
  title: string
  close: () => void
  children: ReactNode
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const isEdited = useRef(false)
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent): void => {
      if (isEdited.current) event.preventDefault()
    }
    addEventListener('beforeunload', ask)
    return () => removeEventListener('beforeunload', ask)
  }, [])
  useEffect(() => {
    const element = dialog.current
    const opener = document.activeElement
    if (element !== null && !element.open) element.showModal()
    return () => {
      element?.close()
      if (opener instanceof HTMLElement) opener.focus()
    }
  }, [])
  return (
    <dialog
      ref={dialog}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault()
        close()
      }}
      onInput={() => (isEdited.current = true)}
    >
      <h2>{title}</h2>
      {children}
    </dialog>
  )
}

/** Asks before something is destroyed. It closes itself. */
export function Confirm({
  title,
  text,
  close,
  confirm,
}: {
  title: string
  text: string
  close: () => void
  confirm: () => void
}) {
  return (
    <Dialog title={title} close={close}>
      <p>{text}</p>
      <div className="actions">
        <button type="button" onClick={close}>
          {t.limits.cancel}
        </button>
        <button
          type="button"
          className="danger"
          onClick={() => {
            confirm()
            close()
          }}
        >
          {title}
        </button>
      </div>
    </Dialog>
  )
}

function Palette({ close }: { close: () => void }) {
  const may = useMay()
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const wanted = text.trim().toLowerCase()
  const pages = NAV.flatMap(([, list]) => list)
    .filter(([, page, method]) => may(method) && t.pages[page].toLowerCase().includes(wanted))
    .map(([to, page]) => ({ to, label: t.pages[page], search: undefined as Search | undefined }))
  const things =
    wanted === ''
      ? []
      : [
          {
            to: `/requests/${encodeURIComponent(text.trim())}`,
            label: `${t.pages.request} ${text.trim()}`,
            search: undefined,
          },
          {
            to: '/requests',
            label: `${t.pages.requests}: ${t.columns.model} ${text.trim()}`,
            search: { model: [text.trim()] },
          },
          { to: '/models', label: `${t.pages.models}: ${text.trim()}`, search: { search: text.trim() } },
        ]
  const found = wanted.startsWith('gen-') ? [...things, ...pages] : [...pages, ...things]
  const go = (to: string, search: Search | undefined): void => {
    close()
    void navigate({ to, search: search ?? {} })
  }
  return (
    <Dialog title={t.palette.label} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const [first] = found
          if (first !== undefined) go(first.to, first.search)
        }}
      >
        <input
          autoFocus
          value={text}
          onChange={({ target }) => setText(target.value)}
          aria-label={t.palette.label}
          placeholder={t.palette.placeholder}
        />
      </form>
      <ul>
        {found.map(({ to, label, search }) => (
          <li key={label}>
            <button type="button" className="plain" onClick={() => go(to, search)}>
              {label}
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}

function Keys({ close }: { close: () => void }) {
  return (
    <Dialog title={t.keys.title} close={close}>
      <dl className="facts">
        {Object.entries(t.keys.list).map(([key, what]) => (
          <div key={key}>
            <dt>
              <code>{key}</code>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div className="actions">
        <button type="button" onClick={close}>
          {t.keys.close}
        </button>
      </div>
    </Dialog>
  )
}

const GO: Readonly<Record<string, string>> = {
  o: '/',
  r: '/requests',
  u: '/usage',
  l: '/limits',
  m: '/models',
  p: '/providers',
  c: '/cascade',
  t: '/tokens',
  s: '/settings',
}

/** No key does anything in a text field, but the one that opens the palette. */
function useKeys(open: (dialog: 'palette' | 'keys') => void): void {
  const navigate = useNavigate()
  const { isLive, setLive } = useLive()
  const last = useRef('')
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const { key } = event
      if (key.toLowerCase() === 'k' && (event.metaKey || event.ctrlKey)) {
        event.preventDefault()
        return open('palette')
      }
      if (event.metaKey || event.ctrlKey || event.altKey) return
      if (event.target instanceof Element && event.target.closest('input, textarea, select, dialog') !== null)
        return
      const before = last.current
      last.current = key
      if (before === 'g' && GO[key] !== undefined)
        void navigate({ to: GO[key], search: (old: Search) => kept(old) })
      else if (key === '?') open('keys')
      else if (key === '.') setLive(!isLive)
      else if (key === 't' && before !== 'g')
        applyTheme(document.documentElement.dataset['theme'] === 'dark' ? 'light' : 'dark')
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })
}
