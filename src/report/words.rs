//! The words of reports that are ours: headings, column heads and short labels, in both languages.

use serde::Serialize;

use crate::model::Lang;

macro_rules! words {
    ($($name:ident: $en:literal, $zh:literal;)*) => {
        /// Every word that a template may need, resolved for one language; templates say `words.NAME`.
        #[derive(Clone, Copy, Debug, Serialize)]
        pub struct Words {
            $(#[doc = $en] pub $name: &'static str,)*
        }

        impl Words {
            /// The words of `lang`.
            #[must_use]
            pub const fn of(lang: Lang) -> Self {
                match lang {
                    Lang::En => Self { $($name: $en,)* },
                    Lang::Zh => Self { $($name: $zh,)* },
                }
            }
        }
    };
}

words! {
    report: "Inspection report", "巡检报告";
    // cover
    systems: "Systems", "系统";
    period: "Period", "巡检时段";
    inspector: "Inspector", "巡检人";
    started_by: "Started by", "发起方式";
    number: "Report number", "报告编号";
    health: "Health", "健康状况";
    score: "Score", "评分";
    score_unit: "of 100", "分";
    time_zone: "Time zone", "时区";
    all_times: "All times in this report are in", "本报告所有时间均为时区";
    made_by: "Made by", "生成程序";
    on_host: "on", "运行于";
    playbook: "Playbook", "巡检方案";
    contents: "Contents", "目录";
    // page 1
    summary: "Summary for management", "管理摘要";
    coverage: "Coverage", "巡检覆盖";
    planned: "planned items", "计划巡检项";
    checked: "checked", "已完成";
    targets_reached: "targets reached", "对象可达";
    not_checked: "Not checked", "未完成检查";
    problems: "Problems", "问题";
    new: "new", "新增";
    solved: "solved", "已解决";
    still_open: "still open", "仍未解决";
    accepted: "accepted", "已豁免";
    fine: "ok", "正常";
    warnings: "warning", "预警";
    criticals: "critical", "异常";
    could_not_judge: "could not judge", "未能判断";
    not_inspected_word: "not inspected", "未巡检";
    not_applicable: "not applicable", "不适用";
    greatest_risks: "Greatest risks", "首要风险";
    fills_first: "What fills up first", "最先用满的资源";
    nothing_fills: "No forecast: nothing grows towards its limit, or there is too little history.", "无预测：没有持续增长的资源，或历史数据不足。";
    last_restore: "Last proven restore", "最近一次恢复验证";
    none_on_record: "none on record", "无记录";
    expires: "Expires within 30 days", "30 天内到期";
    nothing_expires: "Nothing that was checked expires within 30 days.", "已检查范围内 30 天内无到期项。";
    decisions: "Decisions wanted", "待决策事项";
    no_decisions: "None.", "无。";
    // columns
    item: "Item", "巡检项";
    method: "Method", "方法";
    standard: "Normal standard", "正常标准";
    value: "Value now", "当前值";
    conclusion: "Conclusion", "结论";
    risk: "Risk", "风险项";
    level: "Level", "等级";
    description: "Description", "详细描述";
    object: "Object", "对象";
    owner: "Owner", "负责人";
    first_seen: "First seen", "首次发现";
    days_open: "Days open", "持续天数";
    advice: "Advice", "整改建议";
    deadline: "Deadline", "期限";
    ticket: "Ticket", "工单号";
    system: "System", "系统";
    state: "State", "状态";
    reason: "Reason", "原因";
    outcome: "Outcome", "结果";
    count: "Count", "数量";
    share: "Share", "占比";
    what: "What", "事项";
    when: "When", "时间";
    days_left: "Days left", "剩余天数";
    kind: "Kind", "类型";
    place: "Place", "地址";
    tier: "Tier", "分级";
    why: "Why it matters", "影响";
    waiver: "Waiver", "豁免编号";
    approved_by: "Approved by", "批准人";
    ends: "Ends", "到期";
    trend: "Trend", "趋势";
    full_on: "Full on", "预计用满";
    growth: "Growth", "增长";
    field: "Field", "字段";
    last_inspection: "Last inspection", "上次巡检";
    last_time: "Last time", "上次";
    this_time: "Now", "本次";
    before: "Before", "变更前";
    after: "Now", "变更后";
    rule: "Threshold", "阈值";
    origin: "Written in", "出处";
    applies_to: "Items", "巡检项数";
    source: "Basis", "依据";
    values: "Values", "原始值";
    captures: "Captures (SHA-256)", "采集内容（SHA-256）";
    commands: "Commands", "命令";
    role: "Role", "角色";
    name: "Name", "姓名";
    signature: "Signature", "签字";
    date: "Date", "日期";
    covered: "Rows covered", "覆盖行数";
    // sections
    s_overview: "Overview", "概况";
    s_conclusion: "Conclusion", "结论";
    s_problems: "Problems and advice", "问题与整改建议";
    s_left_open: "Left open from last time", "遗留问题";
    s_not_inspected: "Not inspected", "未巡检项";
    s_detail: "Detail by class", "分类明细";
    s_capacity: "Capacity and trend", "容量与趋势";
    s_changes: "Changes and configuration differences", "变更与配置差异";
    s_appendix: "Appendix", "附录";
    s_signatures: "Signatures", "签字";
    a_accepted: "Accepted risks (waived): counted apart, still there", "已豁免的风险：单独统计，问题仍然存在";
    a_waivers: "Waivers that lapsed or end within 30 days", "已到期或 30 天内到期的豁免";
    a_thresholds: "Thresholds, with their source", "阈值及出处";
    a_values: "Raw values of problems and of what could not be judged", "问题项与未能判断项的原始值";
    a_commands: "Commands and captures", "命令与采集内容";
    a_grade: "How grade and score are made", "评级与评分办法";
    a_scope: "Scope", "巡检范围";
    a_method: "Method", "巡检方法";
    a_outcomes: "Items by outcome", "按结果统计";
    a_expires: "What expires", "到期项";
    a_all_rows: "Every row", "全部明细";
    // empty sections
    nothing_checked: "Nothing was checked.", "未检查任何内容。";
    no_problems: "No open problem in what was checked.", "已检查范围内无未处理问题。";
    no_left_open: "Nothing was open at the last inspection.", "上次巡检无遗留问题。";
    no_previous: "There is no earlier inspection of this playbook on record, so nothing can be compared.", "没有本巡检方案的历史记录，无法对比。";
    no_not_inspected: "Everything planned was checked.", "计划内容均已完成检查。";
    no_changes: "Nothing differs from the last inspection.", "与上次巡检相比无差异。";
    no_history: "No history of values is on record yet.", "尚无历史数据。";
    no_commands: "The commands are not on record with this run; `rounds plan` prints them.", "本次运行未保存命令；可用 `rounds plan` 查看。";
    inspector_role: "Inspector", "巡检人";
    reviewer_role: "Reviewer", "审核人";
    approver_role: "Approver", "批准人";
    // the red page
    unbalanced: "This report cannot be given", "本报告无法出具";
    unbalanced_why: "The ledger of this run does not balance: the number of planned items and the number of items that ended differ. Nothing else of it can be trusted.",
        "本次巡检的台账不平：计划巡检项数与已结束巡检项数不一致，其余内容均不可信。";
    planned_sum: "Planned", "计划";
    ended_sum: "Ended", "已结束";
}
