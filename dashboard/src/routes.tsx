import { createRootRoute, createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { Failure } from './parts.tsx'
import { readSearch } from './range.ts'
import { Shell } from './shell.tsx'
import { t } from './strings.ts'

const root = createRootRoute({
  component: Shell,
  validateSearch: readSearch,
  notFoundComponent: () => <p className="state">{t.state.notFound}</p>,
  errorComponent: ({ error }) => <Failure error={error as Error} retry={() => location.reload()} />,
})

const common = {
  getParentRoute: () => root,
  errorComponent: ({ error }: { error: unknown }) => (
    <Failure error={error as Error} retry={() => location.reload()} />
  ),
  pendingComponent: () => <p className="state">{t.state.loading}</p>,
} as const

/** Every page: a line here, a line of `NAV` in the shell, and a file. */
export const routeTree = root.addChildren([
  createRoute({
    ...common,
    path: '/',
    component: lazyRouteComponent(() => import('./pages/overview.tsx'), 'Overview'),
  }),
  createRoute({
    ...common,
    path: '/requests',
    component: lazyRouteComponent(() => import('./pages/requests.tsx'), 'Requests'),
  }),
  createRoute({
    ...common,
    path: '/requests/$id',
    component: lazyRouteComponent(() => import('./pages/request.tsx'), 'Request'),
  }),
  createRoute({
    ...common,
    path: '/usage',
    component: lazyRouteComponent(() => import('./pages/usage.tsx'), 'Usage'),
  }),
  createRoute({
    ...common,
    path: '/models',
    component: lazyRouteComponent(() => import('./pages/models.tsx'), 'Models'),
  }),
  createRoute({
    ...common,
    path: '/providers',
    component: lazyRouteComponent(() => import('./pages/providers.tsx'), 'Providers'),
  }),
  createRoute({
    ...common,
    path: '/cascade',
    component: lazyRouteComponent(() => import('./pages/cascade.tsx'), 'Cascade'),
  }),
  createRoute({
    ...common,
    path: '/tokens',
    component: lazyRouteComponent(() => import('./pages/tokens.tsx'), 'Tokens'),
  }),
  createRoute({
    ...common,
    path: '/limits',
    component: lazyRouteComponent(() => import('./pages/limits.tsx'), 'Limits'),
  }),
  createRoute({
    ...common,
    path: '/contexts',
    component: lazyRouteComponent(() => import('./pages/callers.tsx'), 'Contexts'),
  }),
  createRoute({
    ...common,
    path: '/callers',
    component: lazyRouteComponent(() => import('./pages/callers.tsx'), 'Callers'),
  }),
  createRoute({
    ...common,
    path: '/mcp',
    component: lazyRouteComponent(() => import('./pages/mcp.tsx'), 'Mcp'),
  }),
  createRoute({
    ...common,
    path: '/playground',
    component: lazyRouteComponent(() => import('./pages/playground.tsx'), 'Playground'),
  }),
  createRoute({
    ...common,
    path: '/ledger',
    component: lazyRouteComponent(() => import('./pages/ledger.tsx'), 'Ledger'),
  }),
  createRoute({
    ...common,
    path: '/settings',
    component: lazyRouteComponent(() => import('./pages/settings.tsx'), 'Settings'),
  }),
  createRoute({
    ...common,
    path: '/logs',
    component: lazyRouteComponent(() => import('./pages/settings.tsx'), 'Logs'),
  }),
  createRoute({
    ...common,
    path: '/start',
    component: lazyRouteComponent(() => import('./pages/start.tsx'), 'Start'),
  }),
])
