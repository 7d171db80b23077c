
/*
 * Who uses the ledger, and what a killed process leaves behind: the lock, the
 * journal that undoes a section which was cut, and slots, one for each
 * reservation, in the list of their worker.
 *
 * A worker has pieces of slots that nobody else writes to, so that its list of
 * free ones is in its own memory.  When it is gone, whoever finds that settles
 * what is left in them as not taken, a piece under each hold of the lock.
 *
 * nginx's master unlocks the mutex of a dead holder; then the next one comes
 * through ngx_http_litellm_ledger_lock() and puts right what it finds.
 */

#include "ngx_http_litellm_ledger_zone.h"


static void ngx_http_litellm_ledger_undo_locked(ngx_http_litellm_ledger_t *l);
static ngx_int_t ngx_http_litellm_ledger_piece_locked(
    ngx_http_litellm_ledger_t *l);
static void ngx_http_litellm_ledger_enter_locked(ngx_http_litellm_ledger_t *l,
    ngx_uint_t generation, ngx_uint_t index);
static ngx_uint_t ngx_http_litellm_ledger_dead(
    ngx_http_litellm_ledger_worker_t *w, ngx_uint_t generation,
    ngx_uint_t index);
static void ngx_http_litellm_ledger_sweep(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_worker_t *only);
static ngx_uint_t ngx_http_litellm_ledger_take_back_locked(
    ngx_http_litellm_ledger_t *l, ngx_http_litellm_ledger_worker_t *w);


/* of this process */
static ngx_http_litellm_ledger_t         *ngx_http_litellm_ledger_of;
static ngx_http_litellm_ledger_worker_t  *ngx_http_litellm_ledger_self;
static ngx_http_litellm_ledger_slot_t    *ngx_http_litellm_ledger_slots;
static ngx_uint_t                         ngx_http_litellm_ledger_left;


void
ngx_http_litellm_ledger_lock(ngx_http_litellm_ledger_t *l)
{
    ngx_shmtx_lock(&l->shpool->mutex);

    l->section++;

    if (l->journal.busy) {
        ngx_http_litellm_ledger_undo_locked(l);
    }

    if (l->journal.loose != NULL) {
        ngx_http_litellm_ledger_loose_locked(l);
    }

    if (l->journal.piece != NULL) {
        ngx_http_litellm_ledger_undo_locked(l);
    }
}


void
ngx_http_litellm_ledger_unlock(ngx_http_litellm_ledger_t *l)
{
    ngx_shmtx_unlock(&l->shpool->mutex);
}


static void
ngx_http_litellm_ledger_undo_locked(ngx_http_litellm_ledger_t *l)
{
    ngx_uint_t                          i;
    ngx_http_litellm_ledger_piece_t    *piece;
    ngx_http_litellm_ledger_worker_t   *w;
    ngx_http_litellm_ledger_journal_t  *j;

    j = &l->journal;

    if (j->busy) {

        for (i = 0; i < j->nentries; i++) {
            j->entries[i]->c = j->counts[i];
        }

        if (j->slot != NULL) {
            j->slot->h = j->head;
        }

        ngx_http_litellm_ledger_order();
        j->busy = 0;
    }

    piece = j->piece;

    if (piece == NULL) {
        return;
    }

    /* it is the first of a list, or was taken from one and is in none */

    for (w = l->workers; w != NULL; w = w->next) {
        if (w->slots == piece) {
            break;
        }
    }

    if (w == NULL && l->spare != piece) {
        piece->next = l->spare;
        ngx_http_litellm_ledger_order();
        l->spare = piece;
    }

    ngx_http_litellm_ledger_order();
    j->piece = NULL;
}


void
ngx_http_litellm_ledger_begin(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t **entries, ngx_uint_t n,
    ngx_http_litellm_ledger_slot_t *slot)
{
    ngx_uint_t                          i;
    ngx_http_litellm_ledger_journal_t  *j;

    j = &l->journal;

    for (i = 0; i < n; i++) {
        j->entries[i] = entries[i];
        j->counts[i] = entries[i]->c;
    }

    j->nentries = n;
    j->slot = slot;

    if (slot != NULL) {
        j->head = slot->h;
    }

    ngx_http_litellm_ledger_order();
    j->busy = 1;
    ngx_http_litellm_ledger_order();
}


void
ngx_http_litellm_ledger_end(ngx_http_litellm_ledger_t *l)
{
    ngx_http_litellm_ledger_order();
    l->journal.busy = 0;
    ngx_http_litellm_ledger_order();
}


ngx_http_litellm_ledger_slot_t *
ngx_http_litellm_ledger_slot_locked(ngx_http_litellm_ledger_t *l)
{
    ngx_http_litellm_ledger_slot_t  *slot;

    if (!ngx_http_litellm_ledger_owns(l)) {

        if (ngx_http_litellm_ledger_left) {
            return NULL;
        }

        /* there was no room when it began, or one process has a new zone */

        ngx_http_litellm_ledger_enter_locked(l, 0, 0);

        if (ngx_http_litellm_ledger_self == NULL) {
            return NULL;
        }
    }

    if (ngx_http_litellm_ledger_slots == NULL
        && ngx_http_litellm_ledger_piece_locked(l) != NGX_OK)
    {
        return NULL;
    }

    slot = ngx_http_litellm_ledger_slots;
    ngx_http_litellm_ledger_slots = slot->next;

    return slot;
}


void
ngx_http_litellm_ledger_slot_free(ngx_http_litellm_ledger_slot_t *slot)
{
    slot->next = ngx_http_litellm_ledger_slots;
    ngx_http_litellm_ledger_slots = slot;
}


/* one more piece of slots for this worker */

static ngx_int_t
ngx_http_litellm_ledger_piece_locked(ngx_http_litellm_ledger_t *l)
{
    ngx_uint_t                       i;
    ngx_http_litellm_ledger_slot_t  *slot;
    ngx_http_litellm_ledger_piece_t *piece;

    piece = l->spare;

    if (piece != NULL) {
        l->journal.piece = piece;
        ngx_http_litellm_ledger_order();
        l->spare = piece->next;

    } else {
        piece = ngx_slab_alloc_locked(l->shpool,
                                      NGX_HTTP_LITELLM_LEDGER_PIECE);
        if (piece == NULL) {
            return NGX_DECLINED;
        }

        l->journal.piece = piece;
    }

    ngx_memzero(piece, NGX_HTTP_LITELLM_LEDGER_PIECE);

    piece->next = ngx_http_litellm_ledger_self->slots;

    ngx_http_litellm_ledger_order();
    ngx_http_litellm_ledger_self->slots = piece;
    ngx_http_litellm_ledger_order();
    l->journal.piece = NULL;

    i = ngx_http_litellm_ledger_per_piece(ngx_http_litellm_ledger_slot_t);

    while (i--) {
        slot = ngx_http_litellm_ledger_nth(piece,
                                           ngx_http_litellm_ledger_slot_t, i);
        ngx_http_litellm_ledger_slot_free(slot);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_litellm_ledger_owns(ngx_http_litellm_ledger_t *l)
{
    return ngx_http_litellm_ledger_self != NULL
           && ngx_http_litellm_ledger_of == l
           && ngx_http_litellm_ledger_self->pid == ngx_pid;
}


void
ngx_http_litellm_ledger_enter(ngx_shm_zone_t *zone, ngx_uint_t generation,
    ngx_uint_t index)
{
    ngx_http_litellm_ledger_t  *l;

    l = ngx_http_litellm_zone_ledger(zone);

    ngx_http_litellm_ledger_lock(l);
    ngx_http_litellm_ledger_enter_locked(l, generation, index);
    ngx_http_litellm_ledger_unlock(l);

    ngx_http_litellm_ledger_left = 0;

    ngx_http_litellm_ledger_sweep(l, NULL);
}


static void
ngx_http_litellm_ledger_enter_locked(ngx_http_litellm_ledger_t *l,
    ngx_uint_t generation, ngx_uint_t index)
{
    ngx_http_litellm_ledger_worker_t  *w;

    ngx_http_litellm_ledger_of = l;
    ngx_http_litellm_ledger_self = NULL;
    ngx_http_litellm_ledger_slots = NULL;

    for (w = l->workers; w != NULL; w = w->next) {
        if (w->pid == 0) {
            break;
        }
    }

    if (w == NULL) {
        w = ngx_slab_calloc_locked(l->shpool,
                                   sizeof(ngx_http_litellm_ledger_worker_t));
        if (w == NULL) {
            return;
        }

        w->next = l->workers;
        ngx_http_litellm_ledger_order();
        l->workers = w;
    }

    w->generation = generation;
    w->index = index;

    ngx_http_litellm_ledger_order();
    w->pid = ngx_pid;

    ngx_http_litellm_ledger_self = w;
}


void
ngx_http_litellm_ledger_bury(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_ledger_sweep(ngx_http_litellm_zone_ledger(zone), NULL);
}


void
ngx_http_litellm_ledger_leave(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_ledger_t         *l;
    ngx_http_litellm_ledger_worker_t  *w;

    l = ngx_http_litellm_zone_ledger(zone);

    if (!ngx_http_litellm_ledger_owns(l)) {
        return;
    }

    w = ngx_http_litellm_ledger_self;

    ngx_http_litellm_ledger_self = NULL;
    ngx_http_litellm_ledger_slots = NULL;
    ngx_http_litellm_ledger_left = 1;

    /* a worker that is told to stop at once leaves its requests as they are */

    ngx_http_litellm_ledger_sweep(l, w);
}


/*
 * The number of a dead worker may be another process's by now; nginx starts
 * one worker of an index at a time, so that a second of one generation says
 * that the first is gone.
 */

static ngx_uint_t
ngx_http_litellm_ledger_dead(ngx_http_litellm_ledger_worker_t *w,
    ngx_uint_t generation, ngx_uint_t index)
{
    if (w->pid == 0 || w == ngx_http_litellm_ledger_self) {
        return 0;
    }

    if (generation != 0 && w->generation == generation && w->index == index) {
        return 1;
    }

    return ngx_http_litellm_zone_gone(w->pid);
}


/* only: that one, dead or not; NULL: all that are dead */

static void
ngx_http_litellm_ledger_sweep(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_worker_t *only)
{
    ngx_uint_t                         more, generation, index;
    ngx_http_litellm_ledger_worker_t  *w;

    generation = 0;
    index = 0;

    if (ngx_http_litellm_ledger_owns(l)) {
        generation = ngx_http_litellm_ledger_self->generation;
        index = ngx_http_litellm_ledger_self->index;
    }

    do {
        more = 0;

        ngx_http_litellm_ledger_lock(l);

        for (w = l->workers; w != NULL; w = w->next) {

            if ((only != NULL)
                ? w == only
                : ngx_http_litellm_ledger_dead(w, generation, index))
            {
                more = ngx_http_litellm_ledger_take_back_locked(l, w);
                break;
            }
        }

        /* of many dead ones each has a turn */

        if (w != NULL && only == NULL) {
            more = 1;
        }

        ngx_http_litellm_ledger_unlock(l);

    } while (more);
}


/* a piece of what it had; 0: there was none left, and it is forgotten */

static ngx_uint_t
ngx_http_litellm_ledger_take_back_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_worker_t *w)
{
    ngx_uint_t                        i;
    ngx_http_litellm_ledger_slot_t   *slot;
    ngx_http_litellm_ledger_piece_t  *piece;

    piece = w->slots;

    if (piece == NULL) {
        w->pid = 0;
        return 0;
    }

    i = ngx_http_litellm_ledger_per_piece(ngx_http_litellm_ledger_slot_t);

    while (i--) {
        slot = ngx_http_litellm_ledger_nth(piece,
                                           ngx_http_litellm_ledger_slot_t, i);

        if (slot->h.n) {
            ngx_http_litellm_ledger_settle_locked(l, slot, 0, 0, 1);
        }
    }

    l->journal.piece = piece;
    ngx_http_litellm_ledger_order();
    w->slots = piece->next;
    piece->next = l->spare;
    ngx_http_litellm_ledger_order();
    l->spare = piece;
    ngx_http_litellm_ledger_order();
    l->journal.piece = NULL;

    return 1;
}
