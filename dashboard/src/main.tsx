import { QueryClientProvider } from '@tanstack/react-query'
import { createRouter, RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import './app.css'
import { PREFIX } from './api.ts'
import { createQueryClient } from './query-client.ts'
import { parseQuery, writeQuery } from './range.ts'
import { routeTree } from './routes.tsx'

const queries = createQueryClient()

const router = createRouter({
  routeTree,
  basepath: PREFIX === '' ? '/' : PREFIX,
  parseSearch: parseQuery,
  stringifySearch: writeQuery,
  scrollRestoration: true,
})

// A chunk of an older build is gone after the next but one: reload once, and show the error page when that did not help.
const RELOADED = 'aibroker-reloaded'
addEventListener('vite:preloadError', (event) => {
  if (sessionStorage.getItem(RELOADED) !== null) return
  sessionStorage.setItem(RELOADED, String(Date.now()))
  event.preventDefault()
  location.reload()
})
setTimeout(() => sessionStorage.removeItem(RELOADED), 20_000)

const root = document.querySelector('#root')
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  )
