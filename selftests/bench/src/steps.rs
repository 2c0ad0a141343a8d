// SPDX-License-Identifier: GPL-2.0

//! The steps of a message's way, and which functions belong to each.

/// Steps in their order, with the beginnings of the names of their functions. A name that begins
/// with several of these belongs to the longest one; `=` asks for the whole name.
const STEPS: &[(&str, &[&str])] = &[
    (
        "system calls",
        &[
            "do_syscall",
            "entry_SYSCALL",
            "x64_sys_call",
            "syscall_",
            "__x64_sys_",
            "__sys_",
            "security_",
            "aa_",
            "apparmor_",
            "tomoyo_",
            "=fdget",
            "=fput",
            "import_ubuf",
            "sock_sendmsg",
            "sock_recvmsg",
            "inet_sendmsg",
            "inet_recvmsg",
            "__check_object_size",
        ],
    ),
    (
        "TCP, out",
        &[
            "tcp_send",
            "tcp_write",
            "__tcp_transmit",
            "tcp_skb_entail",
            "tcp_tso",
            "tcp_options",
            "tcp_established_options",
            "tcp_current_mss",
            "tcp_schedule_loss",
            "tcp_event_new",
            "tcp_update_skb",
            "tcp_chrono",
            "tcp_wfree",
            "tcp_stream_alloc",
            "tcp_push",
            "__tcp_push",
            "tcp_rate_skb_sent",
            "__tcp_select_window",
            "tcp_rate_check",
            "skb_clone",
            "__alloc_skb",
            "__copy_skb_header",
            "_copy_from_iter",
            "tcp_v4_send_check",
            "__tcp_send_ack",
        ],
    ),
    (
        "IP, out",
        &[
            "__ip_queue",
            "ip_queue",
            "ip_output",
            "ip_finish_output",
            "__ip_local_out",
            "ip_local_out",
            "ip_skb_dst_mtu",
            "nf_hook",
            "ipv4_dst",
            "ip_copy_addrs",
            "ip_send_check",
            "__sk_dst_check",
            "neigh_",
        ],
    ),
    (
        "queueing discipline",
        &[
            "__dev_queue_xmit",
            "sch_direct",
            "__qdisc",
            "validate_xmit",
            "dev_hard_start",
            "netif_skb_features",
            "fq_codel",
            "pfifo",
            "netdev_core_pick",
            "qdisc_",
            "skb_network_protocol",
            "dev_qdisc",
        ],
    ),
    (
        "driver, out",
        &[
            "igb_xmit",
            "igb_tx",
            "dma_map",
            "dma_direct_map",
            "igb_maybe",
        ],
    ),
    (
        "hard interrupt",
        &[
            "common_interrupt",
            "__common_interrupt",
            "asm_common_interrupt",
            "handle_edge",
            "handle_irq",
            "__handle_irq",
            "igb_msix",
            "note_interrupt",
            "add_interrupt",
            "fast_mix",
            "apic_ack",
            "irqentry",
            "irq_enter",
            "error_entry",
            "error_return",
            "__napi_schedule",
            "napi_schedule",
            "restore_regs",
            "sysvec_",
            "asm_sysvec",
            "__irq_exit",
            "irq_exit",
        ],
    ),
    (
        "soft interrupt, driver's poll",
        &[
            "handle_softirqs",
            "net_rx_action",
            "__napi_poll",
            "igb_",
            "napi_",
            "dma_",
            "do_softirq",
            "__local_bh_enable",
            "__raise_softirq",
            "raise_softirq",
            "skb_defer",
            "skb_attempt",
            "gro_receive_skb",
            "eth_type_trans",
            "_find_next_bit",
            "_find_first_bit",
            "__virt_addr_valid",
        ],
    ),
    (
        "GRO",
        &["dev_gro", "inet_gro", "tcp4_gro", "tcp_gro", "gro_"],
    ),
    (
        "IP, in",
        &[
            "ip_rcv",
            "ip_list_rcv",
            "ip_sublist",
            "ip_local_deliver",
            "ip_protocol",
            "__netif_receive",
            "netif_receive",
            "raw_local",
            "tcp_v4_early",
        ],
    ),
    (
        "TCP, in",
        &[
            "tcp_",
            "__tcp_",
            "__inet_lookup",
            "inet_ehash",
            "cubictcp",
            "sk_filter",
            "bictcp",
        ],
    ),
    (
        "socket's wait queue",
        &["sock_def_readable", "__wake_up", "sock_poll", "=tcp_poll"],
    ),
    (
        "eventpoll",
        &[
            "ep_",
            "do_epoll",
            "__do_sys_epoll",
            "eventpoll_",
            "ksys_fadvise",
            "rp_",
            "rust_helper",
            "<repoll",
            "repoll",
            "schedule_hrtimeout_range",
            "mutex_lock_killable",
        ],
    ),
    (
        "scheduler",
        &[
            "__schedule",
            "=schedule",
            "psi_",
            "update_",
            "__update_",
            "enqueue_",
            "__enqueue",
            "dequeue_",
            "__dequeue",
            "pick_",
            "set_next",
            "put_prev",
            "avg_vruntime",
            "vruntime",
            "entity_",
            "place_",
            "wakeup_preempt",
            "try_to_wake",
            "ttwu",
            "default_wake",
            "native_sched_clock",
            "sched_clock",
            "__switch_to",
            "switch_",
            "finish_task",
            "record_times",
            "requeue_delayed",
            "reweight",
            "cpuacct",
            "__css_rstat",
            "task_",
            "__task_rq",
            "___task_rq",
            "migrate_",
            "clear_delayed",
            "rcu_note",
            "idle_cpu",
            "prandom",
            "check_preempt",
            "resched",
            "select_task",
            "save_fpregs",
            "fpregs_",
            "switch_fpu",
            "wake_",
            "woken_",
            "wait_woken",
            "sk_wait",
        ],
    ),
    (
        "receiving, by the process",
        &[
            "tcp_recvmsg",
            "__skb_datagram",
            "skb_copy_datagram",
            "_copy_to_iter",
            "release_sock",
            "lock_sock",
            "tcp_rcv_space",
            "tcp_cleanup_rbuf",
            "__tcp_cleanup",
            "sk_busy",
        ],
    ),
    (
        "memory",
        &[
            "kmem_cache",
            "kfree",
            "__kmalloc",
            "__pi_mem",
            "memset",
            "skb_release",
            "__kfree_skb",
            "consume_skb",
            "kfree_skb",
            "skb_page_frag",
            "page_frag",
            "__slab",
            "__free",
        ],
    ),
];

/// What belongs to no step: locks, lists, timers, user space.
pub const REST: &str = "locks, lists, timers, and the rest";

/// The names of all steps in their order.
pub fn names() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|(name, _)| *name).chain([REST])
}

/// The step to which a function belongs.
pub fn of(function: &str) -> &'static str {
    let bare = function.split(' ').next().unwrap_or(function);
    let matches = STEPS.iter().flat_map(|(step, beginnings)| {
        beginnings.iter().filter_map(move |beginning| {
            let length = match beginning.strip_prefix('=') {
                Some(whole) if whole == bare => usize::MAX,
                None if function.starts_with(beginning) => beginning.len(),
                _ => return None,
            };
            Some((length, *step))
        })
    });
    matches
        .max_by_key(|(length, _)| *length)
        .map_or(REST, |(_, step)| step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_decides() {
        assert_eq!(of("tcp_v4_rcv"), "TCP, in");
        assert_eq!(of("tcp_sendmsg_locked"), "TCP, out");
        assert_eq!(of("tcp_poll"), "socket's wait queue");
        assert_eq!(of("igb_xmit_frame_ring [igb]"), "driver, out");
        assert_eq!(of("igb_poll [igb]"), "soft interrupt, driver's poll");
        assert_eq!(
            of("<repoll_main::eventpoll::Eventpoll>::wait [repoll]"),
            "eventpoll"
        );
        assert_eq!(of("_raw_spin_lock"), REST);
    }
}
