
/*
 * A process that is killed at any instruction: what it does is done by a traced
 * one, an instruction at a time, and behind each of them the zone is looked at
 * as if the process were dead.  Then everything is put back, and it goes on.
 */

#ifndef _SHM_STEP_H_INCLUDED_
#define _SHM_STEP_H_INCLUDED_


#include "shm_pool.h"


typedef struct {
    ngx_shm_zone_t   *zone;

    /* in the traced process, what nobody looks at, and what is looked at */
    void            (*prepare)(void);
    void            (*traced)(void);
    ngx_uint_t      (*ended)(void);

    /* before it is done step by step, it is done once; may be NULL */
    void            (*again)(void);

    /* not worth a look behind this instruction; may be NULL */
    ngx_uint_t      (*skip)(pid_t pid, ngx_uint_t at);

    /* its marks in the zone get the number of a process that is dead */
    void            (*dead)(pid_t pid, pid_t dead);

    /* is all as it should be?  If not, it has said so, and that is the end */
    int             (*whole)(ngx_uint_t at);

    /* what whole() may change, there and back; NULL: all of the zone, and what
       has not changed since the last look is seldom looked at */
    void            (*copy)(u_char *to, ngx_uint_t back);
} shm_step_t;


/*
 * Returns behind how many instructions it was looked, of *n; 0: no process can
 * be traced here, which is said, or it failed.  The zone is as the traced
 * process left it, killed behind its last instruction.
 */
ngx_uint_t shm_step(shm_step_t *s, ngx_uint_t *n);


/*
 * A process that stands still at a moment when it does not have the lock: before
 * it does anything (n 0), or behind the n-th time that it gave the lock back.
 * -1: none can be traced, or it gave it back less often (*none is set).
 */
pid_t shm_step_to(shm_step_t *s, ngx_uint_t n, ngx_uint_t *none);
/* it does the rest; 1: in good order */
ngx_uint_t shm_step_rest(pid_t pid);


#endif /* _SHM_STEP_H_INCLUDED_ */
