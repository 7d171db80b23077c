
/* See shm_step.h. */

#include "unit.h"
#include "shm_step.h"

#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>


/* looked at though nothing has changed */
#define SOME  256


static pid_t shm_stopped(shm_step_t *s);
static int shm_cut(shm_step_t *s, pid_t pid, pid_t dead, u_char *saved,
    ngx_uint_t at);


ngx_uint_t
shm_step(shm_step_t *s, ngx_uint_t *n)
{
    int         status;
    pid_t       pid, dead;
    u_char     *saved;
    ngx_uint_t  at, cuts;

    *n = 0;

    /* once as a whole: its number is then that of no process */

    dead = shm_stopped(s);

    if (dead == -1) {
        printf("# no process can be traced here\n");
        return 0;
    }

    ptrace(PTRACE_CONT, dead, NULL, NULL);
    (void) waitpid(dead, &status, 0);

    if (!CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
        return 0;
    }

    if (s->again != NULL) {
        s->again();
    }

    pid = shm_stopped(s);
    saved = malloc(s->zone->shm.size);

    if (!CHECK(pid != -1 && saved != NULL)) {
        return 0;
    }

    cuts = 0;

    for (at = 1; !s->ended(); at++) {

        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1
            || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        {
            CHECKF(0, "instruction %d can't be done", (int) at);
            break;
        }

        if (s->skip != NULL && s->skip(pid, at)) {
            continue;
        }

        /* what is the same was right a moment ago */

        if (s->copy == NULL && cuts != 0 && at % SOME
            && ngx_memcmp(saved, s->zone->shm.addr, s->zone->shm.size) == 0)
        {
            continue;
        }

        cuts++;

        if (!shm_cut(s, pid, dead, saved, at)) {
            break;
        }
    }

    kill(pid, SIGKILL);
    (void) waitpid(pid, &status, 0);

    s->dead(pid, dead);
    shm_unlock(s->zone, pid);

    free(saved);

    printf("# looked behind %d of %d instructions\n", (int) cuts, (int) at - 1);

    *n = at - 1;

    return cuts;
}


static pid_t
shm_stopped(shm_step_t *s)
{
    int    status;
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        s->prepare();

        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);

        s->traced();
        _exit(0);
    }

    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        return -1;
    }

    return pid;
}


/* as if it were dead: the master unlocks */

static int
shm_cut(shm_step_t *s, pid_t pid, pid_t dead, u_char *saved, ngx_uint_t at)
{
    int  rc;

    if (s->copy != NULL) {
        s->copy(saved, 0);

    } else {
        ngx_memcpy(saved, s->zone->shm.addr, s->zone->shm.size);
    }

    s->dead(pid, dead);
    shm_unlock(s->zone, pid);

    rc = s->whole(at);

    if (s->copy != NULL) {
        s->copy(saved, 1);

    } else {
        ngx_memcpy(s->zone->shm.addr, saved, s->zone->shm.size);
    }

    return rc;
}


pid_t
shm_step_to(shm_step_t *s, ngx_uint_t n, ngx_uint_t *none)
{
    int               status;
    pid_t             pid;
    ngx_uint_t        had, has;
    ngx_slab_pool_t  *pool;

    *none = 0;

    pid = shm_stopped(s);
    pool = (ngx_slab_pool_t *) s->zone->shm.addr;
    had = 0;

    while (pid != -1 && n != 0) {

        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1
            || waitpid(pid, &status, 0) != pid)
        {
            return -1;
        }

        if (WIFEXITED(status)) {
            *none = 1;
            return -1;
        }

        has = (*pool->mutex.lock == (ngx_atomic_uint_t) pid);
        n -= (had && !has);
        had = has;
    }

    return pid;
}


ngx_uint_t
shm_step_rest(pid_t pid)
{
    int  status;

    ptrace(PTRACE_DETACH, pid, NULL, NULL);

    return waitpid(pid, &status, 0) == pid
           && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
